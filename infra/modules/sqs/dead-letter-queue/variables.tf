variable "name" {
  description = "What the dead letters are of: the queue is {name}-dlq."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,70}$", var.name))
    error_message = "A queue's name has 1 to 70 letters, digits, dashes or underscores before its suffix."
  }
}

variable "rule_arns" {
  description = "ARNs of the EventBridge rules that leave here what they could not deliver. None by default."
  type        = list(string)
  default     = []
}

variable "topic_arns" {
  description = "ARNs of the SNS topics that leave here what they could not deliver. None by default."
  type        = list(string)
  default     = []
}

variable "bus_arns" {
  description = "ARNs of the EventBridge buses that leave here what they could not encrypt. None by default."
  type        = list(string)
  default     = []
}

variable "retention_days" {
  description = "Days for which a dead letter is kept."
  type        = number
  default     = 14

  validation {
    condition     = var.retention_days >= 1 && var.retention_days <= 14
    error_message = "SQS keeps a message for at most 14 days."
  }
}

variable "kms_key_arn" {
  description = "Customer managed key that encrypts the messages; it must admit the services that send. SQS's own key by default."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[^:]+:kms:", var.kms_key_arn))
    error_message = "kms_key_arn is the ARN of a KMS key."
  }
}

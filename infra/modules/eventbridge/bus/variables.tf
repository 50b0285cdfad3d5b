variable "name" {
  description = "Name of the bus. Its archive is {name}-archive."
  type        = string

  validation {
    # 48 characters is EventBridge's limit for the archive's name.
    condition     = can(regex("^[A-Za-z0-9_.-]{1,40}$", var.name)) && var.name != "default"
    error_message = "A bus's name has 1 to 40 letters, digits, dots, dashes or underscores, and is not \"default\"."
  }
}

variable "archive_retention_days" {
  description = "Days for which the archive can replay an event."
  type        = number
  default     = 30

  validation {
    # Zero would mean for ever.
    condition     = var.archive_retention_days >= 1 && floor(var.archive_retention_days) == var.archive_retention_days
    error_message = "The archive keeps events for a whole number of days, at least 1."
  }
}

variable "kms_key_arn" {
  description = "Customer managed key that encrypts the events on the bus; it must admit EventBridge. EventBridge's own key by default."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[^:]+:kms:", var.kms_key_arn))
    error_message = "kms_key_arn is the ARN of a KMS key."
  }
}

variable "dead_letter_queue_arn" {
  description = "ARN of the queue that gets the events which the customer managed key could not encrypt. None by default, as without such a key none is lost so."
  type        = string
  default     = null

  validation {
    condition     = var.dead_letter_queue_arn == null || can(regex("^arn:[^:]+:sqs:", var.dead_letter_queue_arn))
    error_message = "dead_letter_queue_arn is the ARN of an SQS queue."
  }
}

variable "name" {
  description = "What the queue is of: it is {name}-queue, its dead letters {name}-dlq."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,70}$", var.name))
    error_message = "A queue's name has 1 to 70 letters, digits, dashes or underscores before its suffix."
  }
}

variable "rule_arns" {
  description = "ARNs of the EventBridge rules that send to the queue: nobody else may, topic_arns aside."
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.rule_arns) + length(var.topic_arns) > 0 || var.roles_send
    error_message = "A queue that no rule, no topic and no role sends to has no use."
  }
}

variable "topic_arns" {
  description = "ARNs of the SNS topics that send to the queue. None by default."
  type        = list(string)
  default     = []
}

variable "roles_send" {
  description = "Whether functions of this account send to the queue, by the permissions of their roles. Not by default."
  type        = bool
  default     = false
}

variable "function_timeout_seconds" {
  description = "Timeout of the function that consumes the queue."
  type        = number

  validation {
    condition     = var.function_timeout_seconds >= 1 && var.function_timeout_seconds <= 900
    error_message = "A function's timeout is 1 to 900 seconds."
  }
}

variable "batching_window_seconds" {
  description = "Seconds for which the function's trigger gathers a batch."
  type        = number
  default     = 0

  validation {
    condition     = var.batching_window_seconds >= 0 && var.batching_window_seconds <= 300
    error_message = "A batching window is 0 to 300 seconds."
  }
}

variable "max_receive_count" {
  description = "Receives after which a message becomes a dead letter."
  type        = number
  default     = 10

  validation {
    # Below 5, throttling alone can turn good messages into dead letters.
    condition     = var.max_receive_count >= 5 && var.max_receive_count <= 1000
    error_message = "A message is received 5 to 1000 times before it is a dead letter."
  }
}

variable "kms_key_arn" {
  description = "Customer managed key that encrypts the messages, of the dead letters too; it must admit the services that send. SQS's own key by default."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[^:]+:kms:", var.kms_key_arn))
    error_message = "kms_key_arn is the ARN of a KMS key."
  }
}

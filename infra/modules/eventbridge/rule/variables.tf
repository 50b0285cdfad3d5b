variable "name" {
  description = "Name of the rule."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{1,64}$", var.name))
    error_message = "A rule's name has 1 to 64 letters, digits, dots, dashes or underscores."
  }
}

variable "description" {
  description = "What the rule is for."
  type        = string
  default     = null
}

variable "bus_name" {
  description = "Name of the bus that the rule listens to."
  type        = string
}

variable "event_pattern" {
  description = "The one source and the detail types that the rule matches."
  type        = object({ source = string, detail_types = list(string) })

  validation {
    condition     = can(regex("^[a-z]+\\.[a-z]+$", var.event_pattern.source))
    error_message = "A source is like \"order.service\"."
  }

  validation {
    condition     = length(var.event_pattern.detail_types) > 0 && alltrue([for type in var.event_pattern.detail_types : can(regex("^[A-Z][A-Za-z]+$", type))])
    error_message = "A rule names at least one detail type, each like \"OrderPlaced\"."
  }
}

variable "target_queue_arn" {
  description = "ARN of the queue that gets the matching events."
  type        = string

  validation {
    condition     = can(regex("^arn:[^:]+:sqs:", var.target_queue_arn))
    error_message = "target_queue_arn is the ARN of an SQS queue."
  }
}

variable "dead_letter_queue_arn" {
  description = "ARN of the queue that gets the events which could not be delivered to the target."
  type        = string

  validation {
    condition     = can(regex("^arn:[^:]+:sqs:", var.dead_letter_queue_arn))
    error_message = "dead_letter_queue_arn is the ARN of an SQS queue."
  }
}

variable "maximum_event_age_seconds" {
  description = "Age at which an undelivered event becomes a dead letter."
  type        = number
  default     = 86400

  validation {
    condition     = var.maximum_event_age_seconds >= 60 && var.maximum_event_age_seconds <= 86400
    error_message = "EventBridge keeps an undelivered event for 60 to 86400 seconds."
  }
}

variable "maximum_retry_attempts" {
  description = "Attempts after which an undelivered event becomes a dead letter."
  type        = number
  default     = 185

  validation {
    condition     = var.maximum_retry_attempts >= 0 && var.maximum_retry_attempts <= 185
    error_message = "EventBridge retries 0 to 185 times."
  }
}

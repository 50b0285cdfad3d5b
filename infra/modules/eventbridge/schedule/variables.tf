variable "name" {
  description = "Name of the schedule's rule."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{1,64}$", var.name))
    error_message = "A rule's name has 1 to 64 letters, digits, dots, dashes or underscores."
  }
}

variable "description" {
  description = "What the schedule is for."
  type        = string
  default     = null
}

variable "schedule_expression" {
  description = "When the function runs, like rate(1 minute)."
  type        = string

  validation {
    condition     = can(regex("^(rate|cron)\\(.+\\)$", var.schedule_expression))
    error_message = "A schedule is rate(…) or cron(…)."
  }
}

variable "function_arn" {
  description = "ARN of the function that runs."
  type        = string

  validation {
    condition     = can(regex("^arn:[^:]+:lambda:", var.function_arn))
    error_message = "function_arn is the ARN of a Lambda function."
  }
}

variable "dead_letter_queue_arn" {
  description = "ARN of the queue that gets the ticks which could not be delivered."
  type        = string

  validation {
    condition     = can(regex("^arn:[^:]+:sqs:", var.dead_letter_queue_arn))
    error_message = "dead_letter_queue_arn is the ARN of an SQS queue."
  }
}

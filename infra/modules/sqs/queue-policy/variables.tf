variable "queue_url" {
  description = "URL of the queue that the policy is for."
  type        = string
}

variable "queue_arn" {
  description = "ARN of the queue that the policy is for."
  type        = string

  validation {
    condition     = can(regex("^arn:[^:]+:sqs:", var.queue_arn))
    error_message = "queue_arn is the ARN of an SQS queue."
  }
}

variable "rule_arns" {
  description = "ARNs of the EventBridge rules that may send to the queue. None by default."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.rule_arns : can(regex("^arn:[^:]+:events:[^*]+:rule/[^*]+$", arn))])
    error_message = "rule_arns are ARNs of EventBridge rules, without a wildcard."
  }
}

variable "topic_arns" {
  description = "ARNs of the SNS topics that may send to the queue. None by default."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.topic_arns : can(regex("^arn:[^:]+:sns:[^*]+$", arn))])
    error_message = "topic_arns are ARNs of SNS topics, without a wildcard."
  }
}

variable "bus_arns" {
  description = "ARNs of the EventBridge buses that may send to the queue. None by default."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.bus_arns : can(regex("^arn:[^:]+:events:[^*]+:event-bus/[^*]+$", arn))])
    error_message = "bus_arns are ARNs of EventBridge buses, without a wildcard."
  }
}

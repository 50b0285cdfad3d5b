variable "environment" {
  description = "Name of the environment: the first part of every name here."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.environment))
    error_message = "An environment's name has 2 to 20 lower case letters, digits or dashes, and starts with a letter."
  }
}

variable "dead_letter_queue_names" {
  description = "Name of each dead-letter queue, by the value of its label in Prometheus."
  type        = map(string)

  validation {
    condition     = length(var.dead_letter_queue_names) > 0
    error_message = "Without dead-letter queues nobody hears of lost messages."
  }
}

variable "queue_names" {
  description = "Name of each other queue, by the value of its label in Prometheus."
  type        = map(string)
}

variable "function_names" {
  description = "Name of each function, by service."
  type        = map(string)
}

variable "relay_function_name" {
  description = "Name of the function that reads the event store's stream."
  type        = string
}

variable "notification_dead_letter_queue_name" {
  description = "Name of the queue of the alarms that webhooks did not take."
  type        = string
}

variable "alarm_email" {
  description = "Who is told by mail that webhooks do not take alarms. Nobody by default."
  type        = string
  default     = null

  validation {
    condition     = var.alarm_email == null || can(regex("^[^@\\s]+@[^@\\s]+$", var.alarm_email))
    error_message = "alarm_email is an address for mail."
  }
}

variable "metrics_api" {
  description = "The HTTP API that Prometheus scrapes, and its stage."
  type        = object({ api_id = string, stage_name = string })
}

variable "scrapes_expected" {
  description = "Whether it is an alarm that nobody scrapes the metrics."
  type        = bool
}

variable "runbook_url" {
  description = "Where docs/runbook.md can be read; an alarm's description links to its entry there."
  type        = string

  validation {
    condition     = can(regex("^[^\\s#]+$", var.runbook_url))
    error_message = "runbook_url has no blank, and no anchor of its own."
  }
}

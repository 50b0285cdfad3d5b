variable "environment" {
  description = "Name of the environment: the first part of every name in it."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.environment))
    error_message = "An environment's name has 2 to 20 lower case letters, digits or dashes, and starts with a letter."
  }
}

variable "region" {
  description = "AWS region of the environment."
  type        = string
}

variable "packages_dir" {
  description = "Folder of the functions' zips."
  type        = string
}

variable "function_timeout_seconds" {
  description = "Timeout of the functions behind queues and the stream; the queues' visibility timeouts follow from it."
  type        = number
  default     = 10
  nullable    = false
}

variable "payment_timeout_seconds" {
  description = "Seconds after which an order whose payment has not settled is cancelled."
  type        = number
  default     = 900
  nullable    = false

  validation {
    condition     = var.payment_timeout_seconds >= 10
    error_message = "A payment needs 10 seconds at least."
  }
}

variable "memory_mb" {
  description = "Memory of each function, and with it its share of CPU. docs/performance.md has the trade of this and the settings below."
  type        = number
  default     = 512
  nullable    = false
}

variable "batch_size" {
  description = "Messages of a queue that one invocation gets at most."
  type        = number
  default     = 10
  nullable    = false
}

variable "batching_window_seconds" {
  description = "Seconds for which a queue's batch is gathered; a batch of more than 10 needs at least 1."
  type        = number
  default     = 0
  nullable    = false
}

variable "maximum_concurrency" {
  description = "Invocations that each queue runs side by side at most."
  type        = number
  default     = 2
  nullable    = false
}

variable "payment_success_rate" {
  description = "Share of the payments that the simulated gateway accepts, 0 to 1."
  type        = number
  default     = 0.9
  nullable    = false

  validation {
    condition     = var.payment_success_rate >= 0 && var.payment_success_rate <= 1
    error_message = "A success rate is 0 to 1."
  }
}

variable "allow_forced_payment_result" {
  description = "Whether an order may say how its payment ends, as tests do; never in production."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !(var.allow_forced_payment_result && startswith(var.environment, "prod"))
    error_message = "In production nobody but the gateway decides how a payment ends."
  }
}

variable "deletion_protection" {
  description = "Whether the tables refuse to be deleted."
  type        = bool
  default     = true
  nullable    = false
}

variable "archive_retention_days" {
  description = "Days for which the buses' archives can replay an event."
  type        = number
  default     = 30
  nullable    = false
}

variable "log_level" {
  description = "Least level that the functions log."
  type        = string
  default     = "INFO"
  nullable    = false

  validation {
    condition     = contains(["DEBUG", "INFO", "WARNING", "ERROR"], var.log_level)
    error_message = "A log level is DEBUG, INFO, WARNING or ERROR."
  }
}

variable "log_retention_days" {
  description = "Days for which the functions' logs are kept."
  type        = number
  default     = 14
  nullable    = false
}

variable "metrics_refresh_seconds" {
  description = "Seconds for which the metrics service shows what it last read from CloudWatch, which each reading costs."
  type        = number
  default     = 60
  nullable    = false

  validation {
    condition     = var.metrics_refresh_seconds >= 60 && var.metrics_refresh_seconds <= 240
    error_message = "The metrics are refreshed every 60 to 240 seconds: CloudWatch has one value a minute, and at 300 the alert MetricsStale rings."
  }
}

variable "scrapes_expected" {
  description = "Whether it is an alarm that nobody scrapes the metrics. As monitoring_enabled unless told otherwise."
  type        = bool
  default     = null
}

variable "monitoring_enabled" {
  description = "Whether Prometheus, Alertmanager and Grafana run on ECS here."
  type        = bool
  default     = false
  nullable    = false
}

variable "monitoring_bundle_dir" {
  description = "Folder with the configuration of Prometheus, Alertmanager and Grafana."
  type        = string
  default     = "../../monitoring"
  nullable    = false
}

variable "monitoring_allowed_cidr_blocks" {
  description = "Networks that may open Grafana and Prometheus. Nobody by default: use a forwarded port."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "alert_channels" {
  description = "Where Alertmanager sends alerts, slack or teams or both; `invoke set-webhook` must have been run for each."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(setsubtract(var.alert_channels, ["slack", "teams"])) == 0
    error_message = "An alert channel is slack or teams."
  }
}

variable "alarm_email" {
  description = "Who is told by mail that webhooks do not take alarms; AWS asks the address first. Nobody by default."
  type        = string
  default     = null
}

variable "runbook_url" {
  description = "Where docs/runbook.md can be read: its URL on your Git host makes what alarms and alerts say of it links."
  type        = string
  default     = "docs/runbook.md"
  nullable    = false
}

variable "permissions_boundary_arn" {
  description = "Policy that the functions' roles are bound by: where infra/bootstrap lets GitHub Actions deploy."
  type        = string
  default     = null
}

variable "customer_key" {
  description = "Whether a KMS key of your own encrypts what is kept and what waits, in place of AWS's keys. It costs a dollar a month, and its requests."
  type        = bool
  default     = false
  nullable    = false
}

variable "budget" {
  description = "What a month may cost in US dollars, and who is told at 80 %, at all of it, and when that is forecast. The whole account counts, or own_costs_only: what has the tag Environment, which must be activated as a cost allocation tag first. None by default."
  type = object({
    limit_usd      = number
    emails         = optional(list(string), [])
    topic_arns     = optional(list(string), [])
    own_costs_only = optional(bool, false)
  })
  default = null
}

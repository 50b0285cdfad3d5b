variable "environment" {
  description = "Name of the environment: the first part of every name in it."
  type        = string

  validation {
    condition     = !contains(["staging", "prod", "production"], var.environment)
    error_message = "This root is for development: it lets a test force a payment's result, and does not protect its tables."
  }
}

variable "region" {
  description = "AWS region of the environment."
  type        = string
  default     = "eu-west-2"
}

variable "packages_dir" {
  description = "Folder of the functions' zips."
  type        = string
}

variable "function_timeout_seconds" {
  description = "Timeout of the functions behind queues and the stream; the queues' visibility timeouts follow from it."
  type        = number
  default     = null
}

variable "payment_timeout_seconds" {
  description = "Seconds after which an order whose payment has not settled is cancelled."
  type        = number
  default     = null
}

variable "memory_mb" {
  description = "Memory of each function, and with it its share of CPU. docs/performance.md has the trade of this and the settings below."
  type        = number
  default     = null
}

variable "batch_size" {
  description = "Messages of a queue that one invocation gets at most."
  type        = number
  default     = null
}

variable "batching_window_seconds" {
  description = "Seconds for which a queue's batch is gathered; a batch of more than 10 needs at least 1."
  type        = number
  default     = null
}

variable "maximum_concurrency" {
  description = "Invocations that each queue runs side by side at most."
  type        = number
  default     = null
}

variable "payment_success_rate" {
  description = "Share of the payments that the simulated gateway accepts, 0 to 1."
  type        = number
  default     = null
}

variable "archive_retention_days" {
  description = "Days for which the buses' archives can replay an event."
  type        = number
  default     = null
}

variable "log_level" {
  description = "Least level that the functions log."
  type        = string
  default     = null
}

variable "log_retention_days" {
  description = "Days for which the functions' logs are kept."
  type        = number
  default     = null
}

variable "metrics_refresh_seconds" {
  description = "Seconds for which the metrics service shows what it last read from CloudWatch, which each reading costs."
  type        = number
  default     = null
}

variable "scrapes_expected" {
  description = "Whether it is an alarm that nobody scrapes the metrics. As monitoring_enabled unless told otherwise."
  type        = bool
  default     = null
}

variable "monitoring_enabled" {
  description = "Whether Prometheus, Alertmanager and Grafana run on ECS here."
  type        = bool
  default     = null
}

variable "monitoring_allowed_cidr_blocks" {
  description = "Networks that may open Grafana and Prometheus. Nobody by default: use a forwarded port."
  type        = list(string)
  default     = null
}

variable "alert_channels" {
  description = "Where Alertmanager sends alerts, slack or teams or both; `invoke set-webhook` must have been run for each."
  type        = set(string)
  default     = null
}

variable "alarm_email" {
  description = "Who is told by mail that webhooks do not take alarms; AWS asks the address first. Nobody by default."
  type        = string
  default     = null
}

variable "runbook_url" {
  description = "Where docs/runbook.md can be read: its URL on your Git host makes what alarms and alerts say of it links."
  type        = string
  default     = null
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

variable "region" {
  description = "AWS region of the environment."
  type        = string
  default     = "eu-west-2"
}

variable "packages_dir" {
  description = "Folder of the functions' zips."
  type        = string
}

variable "permissions_boundary_arn" {
  description = "Policy that the functions' roles are bound by: where infra/bootstrap lets GitHub Actions deploy."
  type        = string
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

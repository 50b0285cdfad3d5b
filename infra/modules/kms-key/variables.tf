variable "name" {
  description = "Name of the key: its alias is alias/{name}."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,100}$", var.name)) && !startswith(var.name, "aws")
    error_message = "A key's name has 1 to 100 letters, digits, dashes or underscores, and does not begin with \"aws\"."
  }
}

variable "description" {
  description = "What the key encrypts."
  type        = string
}

variable "service_source_arns" {
  description = "For each AWS service that encrypts and decrypts with the key, such as events.amazonaws.com: the ARNs in whose name it may, with wildcards; [] for whatever is in the account."
  type        = map(list(string))
  default     = {}

  validation {
    condition     = alltrue([for service in keys(var.service_source_arns) : can(regex("^[a-z]+\\.amazonaws\\.com$", service))])
    error_message = "A service is named like events.amazonaws.com."
  }

  validation {
    condition     = alltrue([for arns in values(var.service_source_arns) : alltrue([for arn in arns : can(regex("^arn:([^:*]+:){4}[^*]+", arn))])])
    error_message = "A service is admitted for ARNs that name the account and the beginning of what is in it."
  }
}

variable "log_group_arns" {
  description = "ARNs of the log groups that CloudWatch Logs may encrypt with the key, with wildcards. None by default."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.log_group_arns : can(regex("^arn:[^:*]+:logs:([^:*]+:){2}log-group:[^*]+", arn))])
    error_message = "log_group_arns are ARNs of log groups that name the account and the beginning of the group's name."
  }
}

variable "deletion_window_days" {
  description = "Days for which a deleted key can still be had back; what it encrypted is lost after them."
  type        = number
  default     = 30

  validation {
    condition     = var.deletion_window_days >= 7 && var.deletion_window_days <= 30
    error_message = "KMS waits for 7 to 30 days."
  }
}

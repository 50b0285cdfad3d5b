variable "environment" {
  description = "Name of the environment: the first part of every name here, and a label of all that Prometheus scrapes."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.environment))
    error_message = "An environment's name has 2 to 20 lower case letters, digits or dashes, and starts with a letter."
  }
}

variable "bundle_dir" {
  description = "Folder with the servers' configuration: prometheus/, alertmanager/ and grafana/."
  type        = string

  validation {
    condition     = fileexists("${var.bundle_dir}/prometheus/prometheus.yml") && fileexists("${var.bundle_dir}/alertmanager/alertmanager.yml")
    error_message = "bundle_dir has prometheus/prometheus.yml and alertmanager/alertmanager.yml."
  }
}

variable "metrics_endpoint" {
  description = "Host and path that Prometheus scrapes, by https."
  type        = object({ host = string, path = string })

  validation {
    condition     = can(regex("^[a-z0-9.-]+$", var.metrics_endpoint.host)) && startswith(var.metrics_endpoint.path, "/")
    error_message = "The endpoint is a host without a scheme, and a path that begins with a slash."
  }
}

variable "metrics_token_parameter_arn" {
  description = "ARN of the SSM parameter with the endpoint's bearer token. It must exist before the task starts."
  type        = string
}

variable "grafana_admin_password_parameter_arn" {
  description = "ARN of the SSM parameter with the password of Grafana's user admin. It must exist before the task starts."
  type        = string
}

variable "webhook_parameter_arns" {
  description = "ARN of the SSM parameter with the webhook URL of each channel that alerts go to, slack or teams. Each must exist before the task starts."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.webhook_parameter_arns), ["slack", "teams"])) == 0
    error_message = "Alerts go to slack or teams."
  }
}

variable "runbook_url" {
  description = "Where docs/runbook.md can be read: what the rules say of it becomes links there."
  type        = string
}

variable "allowed_cidr_blocks" {
  description = "Networks that may open Grafana and Prometheus, in plain HTTP. Nobody by default: use a forwarded port."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for block in var.allowed_cidr_blocks : can(cidrnetmask(block)) && try(tonumber(split("/", block)[1]) >= 8, false)])
    error_message = "An allowed network is an IPv4 block of at least /8: neither has TLS, and Prometheus has no login."
  }
}

variable "vpc_cidr_block" {
  description = "Addresses of the network."
  type        = string
  default     = "10.90.0.0/24"

  validation {
    condition     = can(cidrsubnet(var.vpc_cidr_block, 4, 1)) && try(tonumber(split("/", var.vpc_cidr_block)[1]) <= 24, false)
    error_message = "The network is an IPv4 block of /24 or larger, of which its subnets take a sixteenth each."
  }
}

variable "images" {
  description = "Image of each container, pinned by version, or better by digest."
  type        = object({ prometheus = string, alertmanager = string, grafana = string, aws_cli = string })
  # Digests could not be looked up where this was written. Alertmanager 0.28 is the first that knows Teams' workflows.
  default = {
    prometheus   = "docker.io/prom/prometheus:v3.5.0"
    alertmanager = "docker.io/prom/alertmanager:v0.28.1"
    grafana      = "docker.io/grafana/grafana:12.1.0"
    aws_cli      = "public.ecr.aws/aws-cli/aws-cli:2.27.50"
  }

  validation {
    condition     = alltrue([for image in values(var.images) : can(regex("(:v?[0-9]+\\.[0-9]+\\.[0-9]+|@sha256:[0-9a-f]{64})$", image))])
    error_message = "An image is pinned by a full version or by its digest."
  }
}

variable "cpu_units" {
  description = "CPU of the task, in 1024ths of a core."
  type        = number
  default     = 512

  validation {
    condition     = contains([512, 1024, 2048, 4096], var.cpu_units)
    error_message = "Fargate sells 512, 1024, 2048 or 4096 units to three servers."
  }
}

variable "memory_mb" {
  description = "Memory of the task."
  type        = number
  default     = 2048

  validation {
    condition     = var.memory_mb >= 1024 && var.memory_mb % 1024 == 0
    error_message = "The task has 1024 MB or a multiple of it."
  }
}

variable "metrics_retention_days" {
  description = "Days for which Prometheus keeps what it scraped, if its task lives that long: a new task begins anew."
  type        = number
  default     = 15

  validation {
    condition     = var.metrics_retention_days >= 1
    error_message = "Prometheus keeps samples for a day at least."
  }
}

variable "log_retention_days" {
  description = "Days for which the servers' logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400], var.log_retention_days)
    error_message = "CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365 or 400 days."
  }
}

variable "kms_key_arn" {
  description = "Customer managed key that encrypts the logs and the configuration; it must admit CloudWatch Logs. AWS's own keys by default."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[^:]+:kms:", var.kms_key_arn))
    error_message = "kms_key_arn is the ARN of a KMS key."
  }
}

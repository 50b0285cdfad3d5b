variable "name" {
  description = "Name of the function, of its role, and of its log group below /aws/lambda/."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,64}$", var.name))
    error_message = "A function's name has 1 to 64 letters, digits, dashes or underscores."
  }
}

variable "handler" {
  description = "Python path of the handler, like services.order_service.handler.handler."
  type        = string

  validation {
    condition     = can(regex("^[a-z_]+(\\.[a-z_]+)+$", var.handler))
    error_message = "A handler is a dotted Python path."
  }
}

variable "package_path" {
  description = "Path of the function's zip."
  type        = string

  validation {
    condition     = endswith(var.package_path, ".zip") && fileexists(var.package_path)
    error_message = "package_path is an existing zip: build the packages first."
  }
}

variable "memory_mb" {
  description = "Memory of the function; its share of CPU grows with it."
  type        = number
  default     = 512

  validation {
    condition     = var.memory_mb >= 128 && var.memory_mb <= 10240
    error_message = "A function has 128 to 10240 MB."
  }
}

variable "timeout_seconds" {
  description = "Seconds after which an invocation is cut off."
  type        = number
  default     = 10

  validation {
    condition     = var.timeout_seconds >= 1 && var.timeout_seconds <= 900
    error_message = "A function's timeout is 1 to 900 seconds."
  }
}

variable "environment" {
  description = "Environment variables of the function."
  type        = map(string)
  default     = {}
}

variable "log_retention_days" {
  description = "Days for which the function's logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400], var.log_retention_days)
    error_message = "CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365 or 400 days."
  }
}

variable "policy_statements" {
  description = "What the function's role may do, beyond its logs and its trigger: own actions on own ARNs."
  type = list(object({
    sid       = string
    actions   = list(string)
    resources = list(string)
    conditions = optional(list(object({
      test     = string
      variable = string
      values   = list(string)
    })), [])
  }))
  default = []

  validation {
    condition     = alltrue([for statement in var.policy_statements : can(regex("^[A-Za-z0-9]+$", statement.sid))])
    error_message = "A statement's sid has letters and digits only."
  }

  validation {
    condition     = alltrue([for action in flatten(var.policy_statements[*].actions) : can(regex("^[a-z0-9-]+:[A-Za-z]+$", action))])
    error_message = "An action is named in full, without a wildcard."
  }

  validation {
    condition = alltrue([
      for statement in var.policy_statements :
      alltrue([for resource in statement.resources : startswith(resource, "arn:")]) ||
      # CloudWatch's metrics are no resources that a policy could name: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html
      (statement.resources == tolist(["*"]) && statement.actions == tolist(["cloudwatch:GetMetricData"]))
    ])
    error_message = "A resource is named by its ARN; only cloudwatch:GetMetricData, which knows no resource, has \"*\", in a statement of its own."
  }
}

variable "queue_trigger" {
  description = "The SQS queue that the function consumes, with partial batch failures. None by default."
  type = object({
    queue_arn               = string
    batch_size              = optional(number, 10)
    batching_window_seconds = optional(number, 0)
    maximum_concurrency     = number
  })
  default = null

  validation {
    condition = alltrue([
      for trigger in var.queue_trigger[*] :
      trigger.batch_size >= 1 && trigger.batch_size <= (trigger.batching_window_seconds >= 1 ? 10000 : 10)
    ])
    error_message = "A batch holds 1 to 10 messages, up to 10000 with a batching window of at least a second."
  }

  validation {
    condition     = alltrue([for trigger in var.queue_trigger[*] : trigger.maximum_concurrency >= 2 && trigger.maximum_concurrency <= 1000])
    error_message = "A queue's maximum concurrency is 2 to 1000."
  }
}

variable "stream_trigger" {
  description = "The DynamoDB stream whose inserts the function reads, with partial batch failures, and the queue told of records given up. None by default."
  type = object({
    stream_arn           = string
    on_failure_queue_arn = string
    batch_size           = optional(number, 100)
    # A stream drops a record at 24 h, without a word: an hour sooner it is reported.
    maximum_record_age_seconds = optional(number, 82800)
  })
  default = null

  validation {
    condition     = alltrue([for trigger in var.stream_trigger[*] : trigger.batch_size >= 1 && trigger.batch_size <= 10000])
    error_message = "A batch holds 1 to 10000 records."
  }

  validation {
    condition     = alltrue([for trigger in var.stream_trigger[*] : trigger.maximum_record_age_seconds >= 60 && trigger.maximum_record_age_seconds < 86400])
    error_message = "A record's maximum age is at least 60 seconds, and under the 24 hours of its stream."
  }
}

variable "permissions_boundary_arn" {
  description = "Policy that the function's role is bound by: where infra/bootstrap lets GitHub Actions deploy."
  type        = string
  default     = null
}

variable "kms_key_arn" {
  description = "Customer managed key of the function's environment and logs, and of the tables and queues that it uses. It must admit CloudWatch Logs. AWS's own keys by default."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[^:]+:kms:", var.kms_key_arn))
    error_message = "kms_key_arn is the ARN of a KMS key."
  }
}

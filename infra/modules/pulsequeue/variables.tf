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

variable "permissions_boundary_arn" {
  description = "Policy that the functions' roles are bound by: where infra/bootstrap lets GitHub Actions deploy."
  type        = string
  default     = null
}

variable "settings" {
  description = "How the environment differs from what is said here: with none of these it runs, and is safe."
  type = object({
    # Services. docs/performance.md has the trade of these six.
    memory_mb                = optional(number, 512) # of each function, and with it its share of CPU
    function_timeout_seconds = optional(number, 10)  # of those behind queues and the stream; the queues' visibility timeouts follow from it
    batch_size               = optional(number, 10)  # messages of a queue that one invocation gets at most
    batching_window_seconds  = optional(number, 0)   # for which a batch is gathered; one of more than 10 needs at least 1
    maximum_concurrency      = optional(number, 2)   # invocations that each queue runs side by side at most
    metrics_refresh_seconds  = optional(number, 60)  # for which the metrics service shows what it last read from CloudWatch, which each reading costs

    # Orders and payments.
    payment_timeout_seconds     = optional(number, 900) # after which an order whose payment has not settled is cancelled
    payment_success_rate        = optional(number, 0.9) # share of the payments that the simulated gateway accepts, 0 to 1
    refund_failure_rate         = optional(number, 0)   # share of the refunds that it refuses for good, 0 to 1
    gateway_fault_rate          = optional(number, 0)   # share of its calls that fail, or answer too late, 0 to 1
    allow_forced_payment_result = optional(bool, false) # whether an order may say how its payment ends, as tests do; never in production

    # Returns.
    return_window_days  = optional(number, 30) # for which delivered goods may be returned
    return_arrival_days = optional(number, 14) # for which announced goods may take to arrive, before their return is closed without a refund

    # Fulfilment, by a simulated carrier.
    carrier_speed             = optional(number, 1)     # of its parcels, in times of real time: at 1 the way takes about two days
    carrier_lost_share        = optional(number, 0.01)  # share of the parcels that it loses, 0 to 1
    carrier_returned_share    = optional(number, 0.01)  # share of the parcels that it brings back, 0 to 1
    carrier_fault_rate        = optional(number, 0)     # share of its answers that are late, doubled, in disorder or missing, 0 to 1
    tracking_interval_seconds = optional(number, 21600) # after which the carrier is asked again about a parcel that is under way; each time costs a read and a write

    # The front door.
    shop_requests_per_second = optional(number, 50)         # to each route that are let through in the long run
    shop_burst_requests      = optional(number, 100)        # to each route that are let through at once
    cors_origins             = optional(list(string), [])   # whose pages may call the API from a browser, such as https://shop.example
    access_token_minutes     = optional(number, 15)         # for which a token is good, which nobody can take back
    mfa                      = optional(string, "OPTIONAL") # whether a second factor is asked for: OFF, OPTIONAL for those who set it up, or ON

    # What is kept.
    deletion_protection    = optional(bool, true)     # whether the tables refuse to be deleted
    archive_retention_days = optional(number, 30)     # for which the buses' archives can replay an event
    log_level              = optional(string, "INFO") # least level that the functions log
    log_retention_days     = optional(number, 14)     # for which the functions' logs are kept
    customer_key           = optional(bool, false)    # whether a KMS key of your own encrypts what is kept and what waits: docs/security.md

    # Who watches: docs/monitoring.md.
    monitoring_enabled             = optional(bool, false)                # whether Prometheus, Alertmanager and Grafana run on ECS here
    monitoring_bundle_dir          = optional(string, "../../monitoring") # folder with their configuration
    monitoring_allowed_cidr_blocks = optional(list(string), [])           # networks that may open Grafana and Prometheus; nobody, so use a forwarded port
    scrapes_expected               = optional(bool)                       # whether it is an alarm that nobody scrapes the metrics; as monitoring_enabled unless told otherwise
    alert_channels                 = optional(set(string), [])            # where Alertmanager sends alerts, slack or teams or both; `invoke monitor.set-webhook` must have been run for each
    alarm_email                    = optional(string)                     # who is told by mail that webhooks do not take alarms; AWS asks the address first
    runbook_url                    = optional(string, "docs/runbook.md")  # where the runbook can be read: its URL on your Git host makes links of what alarms and alerts say

    # What a month may cost, and who is told at 80 %, at all of it, and when that is forecast. The whole account counts, or
    # own_costs_only: what has the tag Environment, which must be activated as a cost allocation tag first.
    budget = optional(object({
      limit_usd      = number
      emails         = optional(list(string), [])
      topic_arns     = optional(list(string), [])
      own_costs_only = optional(bool, false)
    }))
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.settings.payment_timeout_seconds >= 10
    error_message = "payment_timeout_seconds: a payment needs 10 seconds at least."
  }

  validation {
    condition     = var.settings.payment_success_rate >= 0 && var.settings.payment_success_rate <= 1
    error_message = "payment_success_rate: a success rate is 0 to 1."
  }

  validation {
    condition     = alltrue([for days in [var.settings.return_window_days, var.settings.return_arrival_days] : days >= 1 && days <= 365 && floor(days) == days])
    error_message = "return_window_days, return_arrival_days: give whole days, 1 to 365."
  }

  validation {
    condition     = var.settings.carrier_speed > 0
    error_message = "carrier_speed: a carrier is faster than 0."
  }

  validation {
    condition     = var.settings.carrier_lost_share >= 0 && var.settings.carrier_returned_share >= 0 && var.settings.carrier_lost_share + var.settings.carrier_returned_share <= 1
    error_message = "carrier_lost_share, carrier_returned_share: each is 0 to 1, and together they are 1 at most."
  }

  validation {
    condition     = var.settings.carrier_fault_rate >= 0 && var.settings.carrier_fault_rate <= 1
    error_message = "carrier_fault_rate: a fault rate is 0 to 1."
  }

  validation {
    condition     = var.settings.tracking_interval_seconds >= 60
    error_message = "tracking_interval_seconds: the carrier is asked every 60 seconds at most, as deadlines are kept by the minute."
  }

  validation {
    condition     = var.settings.refund_failure_rate >= 0 && var.settings.refund_failure_rate <= 1
    error_message = "refund_failure_rate: a share of the refunds is 0 to 1."
  }

  validation {
    condition     = var.settings.gateway_fault_rate >= 0 && var.settings.gateway_fault_rate <= 1
    error_message = "gateway_fault_rate: a share of the calls is 0 to 1."
  }

  validation {
    condition     = !(var.settings.allow_forced_payment_result && startswith(var.environment, "prod"))
    error_message = "allow_forced_payment_result: in production nobody but the gateway decides how a payment ends."
  }

  validation {
    condition     = contains(["DEBUG", "INFO", "WARNING", "ERROR"], var.settings.log_level)
    error_message = "log_level: a log level is DEBUG, INFO, WARNING or ERROR."
  }

  validation {
    condition     = var.settings.metrics_refresh_seconds >= 60 && var.settings.metrics_refresh_seconds <= 240
    error_message = "metrics_refresh_seconds: the metrics are refreshed every 60 to 240 seconds: CloudWatch has one value a minute, and at 300 the alert MetricsStale rings."
  }

  validation {
    condition     = length(setsubtract(var.settings.alert_channels, ["slack", "teams"])) == 0
    error_message = "alert_channels: an alert channel is slack or teams."
  }
}

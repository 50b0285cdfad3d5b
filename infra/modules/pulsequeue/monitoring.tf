# What watches from outside: CloudWatch always, Prometheus and Grafana where they are asked for, and the bill.
module "cloudwatch" {
  source = "../cloudwatch"

  environment = var.environment
  # What the notification service gave up on cannot be told by itself: Prometheus tells of it, and mail.
  dead_letter_queue_names             = { for name, queue in local.dead_letters : "${name}-dlq" => queue.name if !contains(keys(module.notification_service.service.dead_letters), name) }
  notification_dead_letter_queue_name = one([for queue in module.notification_service.service.dead_letters : queue.name])
  alarm_email                         = var.settings.alarm_email
  queue_names                         = { for name, queue in local.queues : "${name}-queue" => queue.name }
  function_names                      = { for name, function in local.every_function : name => function.name }
  relay_function_name                 = module.event_relay.service.functions["event-relay"].name
  metrics_api                         = { api_id = module.metrics_api.api_id, stage_name = var.environment }
  scrapes_expected                    = coalesce(var.settings.scrapes_expected, var.settings.monitoring_enabled)
  runbook_url                         = var.settings.runbook_url
}

# The embedded AWS cannot run containers, so this is off by default; `invoke monitor.up` serves a laptop.
module "monitoring" {
  source = "../monitoring"
  count  = var.settings.monitoring_enabled ? 1 : 0

  environment                          = var.environment
  bundle_dir                           = var.settings.monitoring_bundle_dir
  metrics_endpoint                     = { host = regex("^https://([^/]+)/", module.metrics_api.stage_url)[0], path = "/${var.environment}/metrics" }
  metrics_token_parameter_arn          = local.parameters.metrics_token.arn
  grafana_admin_password_parameter_arn = local.parameters.grafana_admin_password.arn
  runbook_url                          = var.settings.runbook_url
  webhook_parameter_arns               = { for channel in var.settings.alert_channels : channel => local.parameters["${channel}_webhook_url"].arn }
  allowed_cidr_blocks                  = var.settings.monitoring_allowed_cidr_blocks
  log_retention_days                   = var.settings.log_retention_days
  kms_key_arn                          = local.kms_key_arn
}

module "budget" {
  source = "../budget"
  count  = length(var.settings.budget[*])

  name       = "${var.environment}-monthly"
  limit_usd  = var.settings.budget.limit_usd
  emails     = var.settings.budget.emails
  topic_arns = var.settings.budget.topic_arns
  tag        = var.settings.budget.own_costs_only ? { key = "Environment", value = var.environment } : null
}

data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

locals {
  # The tasks write these parameters, so that no secret is ever in Terraform's state.
  parameters = {
    for key in ["metrics_token", "cursor_secret", "slack_webhook_url", "teams_webhook_url", "grafana_admin_password"] : key => {
      name = "/${var.environment}/${replace(key, "_", "-")}"
      arn  = "arn:${data.aws_partition.this.partition}:ssm:${var.region}:${data.aws_caller_identity.this.account_id}:parameter/${var.environment}/${replace(key, "_", "-")}"
    }
  }
}

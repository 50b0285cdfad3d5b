# How the system is watched: its metrics endpoint, and what watches it from outside.
data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

locals {
  # The tasks write these parameters, so that no secret is ever in Terraform's state.
  parameters = {
    for key in ["metrics_token", "slack_webhook_url", "teams_webhook_url", "grafana_admin_password"] : key => {
      name = "/${var.environment}/${replace(key, "_", "-")}"
      arn  = "arn:${data.aws_partition.this.partition}:ssm:${var.region}:${data.aws_caller_identity.this.account_id}:parameter/${var.environment}/${replace(key, "_", "-")}"
    }
  }

  metrics_url = "${module.metrics_api.stage_url}/metrics"

  # Two webhooks, three tries each.
  notification_timeout_seconds = 40

  # By the value that the label `queue` has in Prometheus.
  queues = merge(local.working_queues, local.dead_letter_queues)

  working_queues = {
    order-queue        = { url = module.order_queue.queue_url, arn = module.order_queue.queue_arn }
    payment-queue      = { url = module.payment_queue.queue_url, arn = module.payment_queue.queue_arn }
    notification-queue = { url = module.notification_queue.queue_url, arn = module.notification_queue.queue_arn }
  }

  dead_letter_queues = merge({
    order-dlq        = { url = module.order_queue.dead_letter_queue_url, arn = module.order_queue.dead_letter_queue_arn }
    payment-dlq      = { url = module.payment_queue.dead_letter_queue_url, arn = module.payment_queue.dead_letter_queue_arn }
    relay-dlq        = { url = module.relay_dead_letter_queue.queue_url, arn = module.relay_dead_letter_queue.queue_arn }
    sweep-dlq        = { url = module.sweep_dead_letter_queue.queue_url, arn = module.sweep_dead_letter_queue.queue_arn }
    notification-dlq = { url = module.notification_queue.dead_letter_queue_url, arn = module.notification_queue.dead_letter_queue_arn }
    }, {
    for queue in module.bus_dead_letter_queue : "bus-dlq" => { url = queue.queue_url, arn = queue.queue_arn }
  })
}

module "metrics_api" {
  source = "../api-gateway"

  name               = "${var.environment}-metrics-api"
  description        = "What Prometheus scrapes."
  stage_name         = var.environment
  log_retention_days = var.log_retention_days
  kms_key_arn        = local.kms_key_arn

  routes = {
    "GET /metrics" = {
      function_name       = module.function["metrics-service"].function_name
      function_invoke_arn = module.function["metrics-service"].invoke_arn
    }
  }
}

module "cloudwatch" {
  source = "../cloudwatch"

  environment = var.environment
  # What the notification service gave up on cannot be told by itself: Prometheus tells of it, and mail.
  dead_letter_queue_names             = { for label in keys(local.dead_letter_queues) : label => "${var.environment}-${label}" if label != "notification-dlq" }
  notification_dead_letter_queue_name = "${var.environment}-notification-dlq"
  alarm_email                         = var.alarm_email
  queue_names                         = { for label in keys(local.working_queues) : label => "${var.environment}-${label}" }
  function_names                      = { for service, function in module.function : service => function.function_name }
  relay_function_name                 = module.function["event-relay"].function_name
  metrics_api                         = { api_id = module.metrics_api.api_id, stage_name = var.environment }
  scrapes_expected                    = coalesce(var.scrapes_expected, var.monitoring_enabled)
  runbook_url                         = var.runbook_url
}

module "notification_queue" {
  source = "../sqs/queue"

  name                     = "${var.environment}-notification"
  topic_arns               = [module.cloudwatch.topic_arn]
  function_timeout_seconds = local.notification_timeout_seconds
  kms_key_arn              = local.kms_key_arn
}

resource "aws_sns_topic_subscription" "notifications" {
  topic_arn            = module.cloudwatch.topic_arn
  protocol             = "sqs"
  endpoint             = module.notification_queue.queue_arn
  raw_message_delivery = true
  redrive_policy       = jsonencode({ deadLetterTargetArn = module.notification_queue.dead_letter_queue_arn })
}

# The embedded AWS cannot run containers, so this is off by default; `invoke monitoring-up` serves a laptop.
module "monitoring" {
  source = "../monitoring"
  count  = var.monitoring_enabled ? 1 : 0

  environment                          = var.environment
  bundle_dir                           = var.monitoring_bundle_dir
  metrics_endpoint                     = { host = regex("^https://([^/]+)/", module.metrics_api.stage_url)[0], path = "/${var.environment}/metrics" }
  metrics_token_parameter_arn          = local.parameters.metrics_token.arn
  grafana_admin_password_parameter_arn = local.parameters.grafana_admin_password.arn
  runbook_url                          = var.runbook_url
  webhook_parameter_arns               = { for channel in var.alert_channels : channel => local.parameters["${channel}_webhook_url"].arn }
  allowed_cidr_blocks                  = var.monitoring_allowed_cidr_blocks
  log_retention_days                   = var.log_retention_days
  kms_key_arn                          = local.kms_key_arn
}

module "budget" {
  source = "../budget"
  count  = length(var.budget[*])

  name       = "${var.environment}-monthly"
  limit_usd  = var.budget.limit_usd
  emails     = var.budget.emails
  topic_arns = var.budget.topic_arns
  tag        = var.budget.own_costs_only ? { key = "Environment", value = var.environment } : null
}

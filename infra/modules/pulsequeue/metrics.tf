# What Prometheus scrapes: the counters that commits keep, the stock, and how long the queues are.
module "metrics_service" {
  source = "../service"
  system = local.system
  name   = "metrics-service"

  # The function itself compares the caller's bearer token, in constant time: an authorizer would be one more that does so.
  serves            = { api = module.metrics_api, public = ["GET /metrics"] }
  serves_by_handler = true
  # As long as Prometheus waits for a scrape. CloudWatch is asked in the first 12 seconds, or the page goes without.
  timeout_seconds = 20

  told = {
    METRICS_TABLE           = module.metrics_table.table_name
    INVENTORY_TABLE         = module.inventory_table.table_name
    MEASURED_QUEUE_URLS     = jsonencode({ for label, queue in local.measured_queues : label => queue.url })
    METRICS_TOKEN_PARAMETER = local.parameters.metrics_token.name
    REFRESH_SECONDS         = var.settings.metrics_refresh_seconds
    FUNCTIONS               = jsonencode(concat(keys(local.functions), [module.deadline_sweeper.service.name, "metrics-service"]))
  }

  may = {
    ReadCountersAndKeepCheckpoint = {
      actions   = ["dynamodb:Scan", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"]
      resources = [module.metrics_table.table_arn]
    }
    ReadStock     = { actions = ["dynamodb:Scan"], resources = [module.inventory_table.table_arn] }
    MeasureQueues = { actions = ["sqs:GetQueueAttributes"], resources = [for queue in local.measured_queues : queue.arn] }
    ReadMetrics   = { actions = ["cloudwatch:GetMetricData"], resources = ["*"] }
    ReadToken     = { actions = ["ssm:GetParameter"], resources = [local.parameters.metrics_token.arn] }
  }
}

module "metrics_table" {
  source = "../dynamodb/table"

  name                = "${var.environment}-metrics-table"
  hash_key            = { name = "id", type = "S" }
  deletion_protection = var.settings.deletion_protection
  kms_key_arn         = local.kms_key_arn
}

module "metrics_api" {
  source = "../api-gateway"

  name               = "${var.environment}-metrics-api"
  description        = "What Prometheus scrapes."
  stage_name         = var.environment
  log_retention_days = var.settings.log_retention_days
  kms_key_arn        = local.kms_key_arn
}

locals {
  metrics_url = "${module.metrics_api.stage_url}/metrics"

  # By the value that the label `queue` has in Prometheus.
  measured_queues = merge(
    { for name, queue in local.queues : "${name}-queue" => { url = queue.url, arn = queue.arn } },
    { for name, queue in local.dead_letters : "${name}-dlq" => { url = queue.url, arn = queue.arn } },
  )
}

# How the system is watched: its metrics endpoint, and what watches it from outside.
data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

locals {
  # The tasks write these parameters, so that no secret is ever in Terraform's state.
  parameter_arn_prefix = "arn:${data.aws_partition.this.partition}:ssm:${var.region}:${data.aws_caller_identity.this.account_id}:parameter"

  metrics_token_parameter = {
    name = "/${var.environment}/metrics-token"
    arn  = "${local.parameter_arn_prefix}/${var.environment}/metrics-token"
  }

  # By the value that the label `queue` has in Prometheus.
  queues = merge(local.working_queues, local.dead_letter_queues)

  working_queues = {
    order-queue   = { url = module.order_queue.queue_url, arn = module.order_queue.queue_arn }
    payment-queue = { url = module.payment_queue.queue_url, arn = module.payment_queue.queue_arn }
  }

  dead_letter_queues = {
    order-dlq   = { url = module.order_queue.dead_letter_queue_url, arn = module.order_queue.dead_letter_queue_arn }
    payment-dlq = { url = module.payment_queue.dead_letter_queue_url, arn = module.payment_queue.dead_letter_queue_arn }
    relay-dlq   = { url = module.relay_dead_letter_queue.queue_url, arn = module.relay_dead_letter_queue.queue_arn }
    sweep-dlq   = { url = module.sweep_dead_letter_queue.queue_url, arn = module.sweep_dead_letter_queue.queue_arn }
  }
}

module "metrics_api" {
  source = "../../modules/api-gateway"

  name               = "${var.environment}-metrics-api"
  description        = "What Prometheus scrapes."
  stage_name         = var.environment
  log_retention_days = var.log_retention_days

  routes = {
    "GET /metrics" = {
      function_name       = module.function["metrics-service"].function_name
      function_invoke_arn = module.function["metrics-service"].invoke_arn
    }
  }
}

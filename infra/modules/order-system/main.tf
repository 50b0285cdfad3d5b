module "bus" {
  source   = "../eventbridge/bus"
  for_each = toset(["order", "payment"])

  name                   = "${var.environment}-${each.key}-bus"
  archive_retention_days = var.archive_retention_days
  kms_key_arn            = local.kms_key_arn
  dead_letter_queue_arn  = var.customer_key ? module.bus_dead_letter_queue[0].queue_arn : null
}

module "order_placed_rule" {
  source = "../eventbridge/rule"

  name                  = "${var.environment}-order-placed"
  bus_name              = module.bus["order"].bus_name
  event_pattern         = { source = "order.service", detail_types = ["OrderPlaced"] }
  target_queue_arn      = module.order_queue.queue_arn
  dead_letter_queue_arn = module.order_queue.dead_letter_queue_arn
}

module "payment_requested_rule" {
  source = "../eventbridge/rule"

  name                  = "${var.environment}-payment-requested"
  bus_name              = module.bus["payment"].bus_name
  event_pattern         = { source = "payment.service", detail_types = ["PaymentRequested", "RefundRequested"] }
  target_queue_arn      = module.payment_queue.queue_arn
  dead_letter_queue_arn = module.payment_queue.dead_letter_queue_arn
}

module "payment_settled_rule" {
  source = "../eventbridge/rule"

  name                  = "${var.environment}-payment-settled"
  bus_name              = module.bus["payment"].bus_name
  event_pattern         = { source = "payment.service", detail_types = ["PaymentProcessed", "PaymentFailed"] }
  target_queue_arn      = module.order_queue.queue_arn
  dead_letter_queue_arn = module.order_queue.dead_letter_queue_arn
}

module "order_queue" {
  source = "../sqs/queue"

  name                     = "${var.environment}-order"
  rule_arns                = [module.order_placed_rule.rule_arn, module.payment_settled_rule.rule_arn]
  function_timeout_seconds = var.function_timeout_seconds
  batching_window_seconds  = var.batching_window_seconds
  kms_key_arn              = local.kms_key_arn
}

module "payment_queue" {
  source = "../sqs/queue"

  name                     = "${var.environment}-payment"
  rule_arns                = [module.payment_requested_rule.rule_arn]
  function_timeout_seconds = var.function_timeout_seconds
  batching_window_seconds  = var.batching_window_seconds
  kms_key_arn              = local.kms_key_arn
}

module "relay_dead_letter_queue" {
  source = "../sqs/dead-letter-queue"

  name        = "${var.environment}-relay"
  kms_key_arn = local.kms_key_arn
}

module "deadline_sweep" {
  source = "../eventbridge/schedule"

  name                  = "${var.environment}-deadline-sweep"
  schedule_expression   = "rate(1 minute)"
  function_arn          = module.function["deadline-sweeper"].function_arn
  dead_letter_queue_arn = module.sweep_dead_letter_queue.queue_arn
}

module "sweep_dead_letter_queue" {
  source = "../sqs/dead-letter-queue"

  name        = "${var.environment}-sweep"
  rule_arns   = [module.deadline_sweep.rule_arn]
  kms_key_arn = local.kms_key_arn
}

module "inventory_table" {
  source = "../dynamodb/table"

  name                = "${var.environment}-inventory-table"
  hash_key            = { name = "item_id", type = "S" }
  deletion_protection = var.deletion_protection
  kms_key_arn         = local.kms_key_arn
}

module "event_store_table" {
  source = "../dynamodb/table"

  name                = "${var.environment}-event-store-table"
  hash_key            = { name = "stream_id", type = "S" }
  range_key           = { name = "version", type = "N" }
  stream_enabled      = true
  deletion_protection = var.deletion_protection
  kms_key_arn         = local.kms_key_arn
}

# An item for each group of streams, under the minute in which they are due. Nobody needs it once they were looked at.
module "deadline_table" {
  source = "../dynamodb/table"

  name                = "${var.environment}-deadline-table"
  hash_key            = { name = "minute_shard", type = "S" }
  range_key           = { name = "group_id", type = "S" }
  ttl_attribute       = "expires_at"
  deletion_protection = var.deletion_protection
  kms_key_arn         = local.kms_key_arn
}

module "metrics_table" {
  source = "../dynamodb/table"

  name                = "${var.environment}-metrics-table"
  hash_key            = { name = "id", type = "S" }
  deletion_protection = var.deletion_protection
  kms_key_arn         = local.kms_key_arn
}

module "simulated_gateway_table" {
  source = "../dynamodb/table"

  name                = "${var.environment}-simulated-gateway-table"
  hash_key            = { name = "order_id", type = "S" }
  deletion_protection = var.deletion_protection
  kms_key_arn         = local.kms_key_arn
}

module "function" {
  source   = "../lambda/lambda-function"
  for_each = local.functions

  name               = "${var.environment}-${each.key}-handler"
  handler            = "services.${replace(each.key, "-", "_")}.handler.handler"
  package_path       = "${var.packages_dir}/${replace(each.key, "-", "_")}.zip"
  memory_mb          = var.memory_mb
  timeout_seconds    = lookup(each.value, "timeout_seconds", var.function_timeout_seconds)
  log_retention_days = var.log_retention_days
  environment        = merge({ ENVIRONMENT = var.environment, LOG_LEVEL = var.log_level }, each.value.environment)
  policy_statements  = each.value.policy_statements
  queue_trigger      = lookup(each.value, "queue_trigger", null)
  stream_trigger     = lookup(each.value, "stream_trigger", null)

  permissions_boundary_arn = var.permissions_boundary_arn
  kms_key_arn              = local.kms_key_arn
}

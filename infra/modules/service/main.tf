# A count is asked for nothing but its one instance: `module.queue[*]` would wait for the queue's policy too, half a minute.
locals {
  env             = var.system.environment
  short_name      = trimsuffix(var.name, "-service")
  timeout_seconds = coalesce(var.timeout_seconds, var.system.timeout_seconds)
  batch           = var.batch != null ? var.batch : var.system.batch
  has_queue       = coalesce(var.has_queue, length(var.listens_to) > 0)
  has_stream      = var.stream != null
  has_schedule    = var.schedule != null
  has_handler     = local.has_queue || local.has_stream || local.has_schedule || var.serves_by_handler
  has_api         = var.serves != null && !var.serves_by_handler
  has_trigger     = var.trigger != null
}

module "rule" {
  source   = "../eventbridge/rule"
  for_each = var.listens_to

  name                  = "${local.env}-${each.key}"
  bus_name              = each.value.bus.name
  event_pattern         = { source = each.value.bus.source, detail_types = each.value.events }
  target_queue_arn      = module.queue[0].queue_arn
  dead_letter_queue_arn = module.queue[0].dead_letter_queue_arn
}

resource "aws_sns_topic_subscription" "this" {
  for_each = var.topics

  topic_arn            = each.value
  protocol             = "sqs"
  endpoint             = module.queue[0].queue_arn
  raw_message_delivery = true
  redrive_policy       = jsonencode({ deadLetterTargetArn = module.queue[0].dead_letter_queue_arn })
}

module "queue" {
  source = "../sqs/queue"
  count  = local.has_queue ? 1 : 0

  name                     = "${local.env}-${local.short_name}"
  rule_arns                = [for rule in module.rule : rule.rule_arn]
  topic_arns               = values(var.topics)
  roles_send               = length(var.owns) > 0
  function_timeout_seconds = local.timeout_seconds
  batching_window_seconds  = local.batch.window_seconds
  kms_key_arn              = var.system.kms_key_arn
}

module "stream_dead_letter_queue" {
  source = "../sqs/dead-letter-queue"
  count  = local.has_stream ? 1 : 0

  name        = "${local.env}-${var.stream.dead_letters}"
  kms_key_arn = var.system.kms_key_arn
}

module "schedule" {
  source = "../eventbridge/schedule"
  count  = local.has_schedule ? 1 : 0

  name                  = "${local.env}-${var.schedule.name}"
  schedule_expression   = var.schedule.expression
  function_arn          = module.handler[0].function_arn
  dead_letter_queue_arn = module.schedule_dead_letter_queue[0].queue_arn
}

module "schedule_dead_letter_queue" {
  source = "../sqs/dead-letter-queue"
  count  = local.has_schedule ? 1 : 0

  name        = "${local.env}-${var.schedule.dead_letters}"
  rule_arns   = [module.schedule[0].rule_arn]
  kms_key_arn = var.system.kms_key_arn
}

# A key of your own, where it is asked for, for all that is kept and all that waits. The alarms' topic has such a key anyway.
locals {
  kms_key_arn = one(module.kms_key[*].key_arn)

  bus_dead_letters = var.settings.customer_key ? {
    bus = {
      name = module.bus_dead_letter_queue[0].queue_name
      url  = module.bus_dead_letter_queue[0].queue_url
      arn  = module.bus_dead_letter_queue[0].queue_arn
    }
  } : {}

  # Everything of the environment begins with its name.
  partition = data.aws_partition.this.partition
  place     = "${var.region}:${data.aws_caller_identity.this.account_id}"
  key_users = {
    # Whether EventBridge names the rule to KMS when it sends to a queue, AWS does not say: if not, every event is lost.
    "events.amazonaws.com" = []
    "sns.amazonaws.com"    = ["arn:${local.partition}:sns:${local.place}:${var.environment}-*"]
  }
  encrypted_log_groups = [
    for folder in ["/aws/lambda", "/aws/vendedlogs/apigateway", "/aws/ecs"] :
    "arn:${local.partition}:logs:${local.place}:log-group:${folder}/${var.environment}-*"
  ]
}

module "kms_key" {
  source = "../kms-key"
  count  = var.settings.customer_key ? 1 : 0

  name                = "${var.environment}-data"
  description         = "Encrypts what ${var.environment} keeps and what waits in it."
  service_source_arns = local.key_users
  log_group_arns      = local.encrypted_log_groups
}

# An event that cannot be encrypted, as the key is disabled, say. This queue has another key, then.
module "bus_dead_letter_queue" {
  source = "../sqs/dead-letter-queue"
  count  = var.settings.customer_key ? 1 : 0

  name     = "${var.environment}-bus"
  bus_arns = [for bus in module.bus : bus.bus_arn]
}

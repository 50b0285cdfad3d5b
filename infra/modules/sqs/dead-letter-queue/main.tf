resource "aws_sqs_queue" "this" {
  name                      = "${var.name}-dlq"
  message_retention_seconds = var.retention_days * 24 * 60 * 60
  sqs_managed_sse_enabled   = var.kms_key_arn == null ? true : null
  kms_master_key_id         = var.kms_key_arn
}

module "policy" {
  source = "../queue-policy"

  queue_url  = aws_sqs_queue.this.url
  queue_arn  = aws_sqs_queue.this.arn
  rule_arns  = var.rule_arns
  topic_arns = var.topic_arns
  bus_arns   = var.bus_arns
}

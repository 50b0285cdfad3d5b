resource "aws_sqs_queue" "this" {
  name = "${var.name}-queue"
  # AWS asks for six times the function's timeout plus the window, so that a throttled batch is not taken twice.
  visibility_timeout_seconds = 6 * var.function_timeout_seconds + var.batching_window_seconds
  # A message ends 14 days after it was sent, as a dead letter too: less here would lose it sooner, and gain nothing there.
  # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/setting-up-dead-letter-queue-retention.html
  message_retention_seconds = 14 * 24 * 60 * 60
  sqs_managed_sse_enabled   = var.kms_key_arn == null ? true : null
  kms_master_key_id         = var.kms_key_arn
}

module "policy" {
  source = "../queue-policy"

  queue_url  = aws_sqs_queue.this.url
  queue_arn  = aws_sqs_queue.this.arn
  rule_arns  = var.rule_arns
  topic_arns = var.topic_arns
}

module "dead_letter_queue" {
  source = "../dead-letter-queue"

  name        = var.name
  rule_arns   = var.rule_arns
  topic_arns  = var.topic_arns
  kms_key_arn = var.kms_key_arn
}

# Apart from the queue: the provider waits for about 25 s after each, and so creates the two queues side by side.
resource "aws_sqs_queue_redrive_policy" "this" {
  queue_url = aws_sqs_queue.this.url

  redrive_policy = jsonencode({
    deadLetterTargetArn = module.dead_letter_queue.queue_arn
    maxReceiveCount     = var.max_receive_count
  })
}

resource "aws_sqs_queue_redrive_allow_policy" "this" {
  queue_url = module.dead_letter_queue.queue_url

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.this.arn]
  })
}

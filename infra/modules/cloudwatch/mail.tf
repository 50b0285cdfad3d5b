# Webhooks that take no alarms cannot tell of that: mail is a way of its own.
resource "aws_sns_topic" "mail" {
  count = length(var.alarm_email[*])

  name              = "${var.environment}-mail"
  kms_master_key_id = module.key.key_arn
}

resource "aws_sns_topic_policy" "mail" {
  count = length(var.alarm_email[*])

  arn    = aws_sns_topic.mail[0].arn
  policy = data.aws_iam_policy_document.topic["mail"].json
}

# AWS asks the address first whether it wants that.
resource "aws_sns_topic_subscription" "mail" {
  count = length(var.alarm_email[*])

  topic_arn = aws_sns_topic.mail[0].arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

resource "aws_cloudwatch_metric_alarm" "notifications_failing" {
  count = length(var.alarm_email[*])

  alarm_name          = "${var.environment}-NotificationsFailing"
  alarm_description   = "Alarms wait in ${var.notification_dead_letter_queue_name}, as webhooks did not take them. Runbook: ${var.runbook_url}#notificationsfailing"
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  statistic           = "Maximum"
  dimensions          = { QueueName = var.notification_dead_letter_queue_name }
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.mail[0].arn]
  ok_actions          = [aws_sns_topic.mail[0].arn]
}

# Alarms of AWS's own metrics, for what Prometheus cannot tell while it is down itself.
locals {
  # Each rings once its metric is above 0 for that many periods of 5 minutes.
  alarms = merge(
    {
      for label, queue in var.dead_letter_queue_names : "DeadLettersNotEmpty-${label}" => {
        kind       = "DeadLettersNotEmpty"
        about      = "Messages in ${queue} were given up."
        namespace  = "AWS/SQS"
        metric     = "ApproximateNumberOfMessagesVisible"
        statistic  = "Maximum"
        dimensions = { QueueName = queue }
        periods    = 1
      }
    },
    {
      for service, function in var.function_names : "FunctionErrors-${service}" => {
        kind       = "FunctionErrors"
        about      = "${function} broke off: an exception, a timeout, or too little memory."
        namespace  = "AWS/Lambda"
        metric     = "Errors"
        statistic  = "Sum"
        dimensions = { FunctionName = function }
        periods    = 1
      }
    },
    {
      for service, function in var.function_names : "FunctionThrottles-${service}" => {
        kind       = "FunctionThrottles"
        about      = "${function} has been refused concurrency for 15 minutes."
        namespace  = "AWS/Lambda"
        metric     = "Throttles"
        statistic  = "Sum"
        dimensions = { FunctionName = function }
        # What is throttled is tried again, so only a lasting lack is worth a person's time.
        periods = 3
      }
    },
  )
}

resource "aws_cloudwatch_metric_alarm" "above_zero" {
  for_each = local.alarms

  alarm_name          = "${var.environment}-${each.key}"
  alarm_description   = "${each.value.about} Runbook: ${var.runbook_url}#${lower(each.value.kind)}"
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  statistic           = each.value.statistic
  dimensions          = each.value.dimensions
  period              = 300
  evaluation_periods  = each.value.periods
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  # These metrics have no points while nothing happens.
  treat_missing_data = "notBreaching"
  alarm_actions      = [aws_sns_topic.alarms.arn]
  ok_actions         = [aws_sns_topic.alarms.arn]
}

# What the relay cannot publish it reports and reads again: no invocation breaks off, and no queue fills.
resource "aws_cloudwatch_metric_alarm" "relay_behind" {
  alarm_name          = "${var.environment}-RelayBehind"
  alarm_description   = "${var.relay_function_name} is more than a minute behind the event store: what was committed is not published. Runbook: ${var.runbook_url}#relaybehind"
  namespace           = "AWS/Lambda"
  metric_name         = "IteratorAge"
  statistic           = "Maximum"
  dimensions          = { FunctionName = var.relay_function_name }
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 60000 # milliseconds
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "not_scraped" {
  count = var.scrapes_expected ? 1 : 0

  alarm_name        = "${var.environment}-MetricsNotScraped"
  alarm_description = "Hardly anybody has asked for the metrics for 10 minutes: Prometheus is down, and no alert of its own would ring. Runbook: ${var.runbook_url}#metricsnotscraped"
  # A request that is refused or fails counts too: of that Prometheus, which sent it, tells itself.
  namespace           = "AWS/ApiGateway"
  metric_name         = "Count"
  statistic           = "Sum"
  dimensions          = { ApiId = var.metrics_api.api_id, Stage = var.metrics_api.stage_name }
  period              = 300
  evaluation_periods  = 2
  comparison_operator = "LessThanThreshold"
  # Half of what a Prometheus asks that scrapes twice a minute.
  threshold = 5
  # An API that nobody calls has no points.
  treat_missing_data = "breaching"
  alarm_actions      = [aws_sns_topic.alarms.arn]
  ok_actions         = [aws_sns_topic.alarms.arn]
}

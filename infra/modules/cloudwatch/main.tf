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

resource "aws_cloudwatch_metric_alarm" "not_scraped" {
  alarm_name        = "${var.environment}-MetricsNotScraped"
  alarm_description = "The metrics have hardly been read for 10 minutes: Prometheus is down, and no alert of its own would ring. Runbook: ${var.runbook_url}#metricsnotscraped"
  # Not the API's own count, which whoever calls without a token would raise too.
  namespace           = "PulseQueue"
  metric_name         = "lambda_requests_total"
  statistic           = "Sum"
  dimensions          = { environment = var.environment, function_name = "metrics-service", status = "success" }
  period              = 300
  evaluation_periods  = 2
  comparison_operator = "LessThanThreshold"
  # Half of what a Prometheus that scrapes twice a minute reads.
  threshold = 5
  # A service that nobody calls has no points.
  treat_missing_data = var.scrapes_expected ? "breaching" : "notBreaching"
  alarm_actions      = [aws_sns_topic.alarms.arn]
  ok_actions         = [aws_sns_topic.alarms.arn]
}

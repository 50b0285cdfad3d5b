# What AWS itself knows of the system. What the system knows of itself is in Grafana.
locals {
  region = data.aws_region.this.name

  widgets = [
    {
      title   = "Dead letters"
      metrics = [for queue in values(var.dead_letter_queue_names) : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue]]
      stat    = "Maximum"
    },
    {
      title   = "Waiting messages"
      metrics = [for queue in values(var.queue_names) : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue]]
      stat    = "Maximum"
    },
    {
      title   = "Age of the oldest message, seconds"
      metrics = [for queue in values(var.queue_names) : ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", queue]]
      stat    = "Maximum"
    },
    {
      title   = "Invocations"
      metrics = [for function in values(var.function_names) : ["AWS/Lambda", "Invocations", "FunctionName", function]]
      stat    = "Sum"
    },
    {
      title   = "Errors"
      metrics = [for function in values(var.function_names) : ["AWS/Lambda", "Errors", "FunctionName", function]]
      stat    = "Sum"
    },
    {
      title   = "Throttles"
      metrics = [for function in values(var.function_names) : ["AWS/Lambda", "Throttles", "FunctionName", function]]
      stat    = "Sum"
    },
    {
      title   = "Duration, 99th percentile, milliseconds"
      metrics = [for function in values(var.function_names) : ["AWS/Lambda", "Duration", "FunctionName", function]]
      stat    = "p99"
    },
    {
      title = "Scrapes, refused ones, and server errors"
      metrics = [
        for metric in ["Count", "4xx", "5xx"] :
        ["AWS/ApiGateway", metric, "ApiId", var.metrics_api.api_id, "Stage", var.metrics_api.stage_name]
      ]
      stat = "Sum"
    },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = "${var.environment}-pulsequeue"

  # The embedded AWS does not escape this text: no ampersand in it.
  dashboard_body = jsonencode({
    widgets = [
      for index, widget in local.widgets : {
        type   = "metric"
        x      = index % 2 * 12
        y      = floor(index / 2) * 6
        width  = 12
        height = 6
        properties = {
          title   = widget.title
          region  = local.region
          metrics = widget.metrics
          stat    = widget.stat
          period  = 300
          view    = "timeSeries"
        }
      }
    ]
  })
}

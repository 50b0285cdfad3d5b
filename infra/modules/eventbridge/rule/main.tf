resource "aws_cloudwatch_event_rule" "this" {
  name           = var.name
  description    = var.description
  event_bus_name = var.bus_name

  event_pattern = jsonencode({
    source      = [var.event_pattern.source]
    detail-type = var.event_pattern.detail_types
    # A replay reaches only the rules that it names: live consumers never see an event a second time by accident.
    replay-name = [{ exists = false }]
  })
}

resource "aws_cloudwatch_event_target" "this" {
  rule           = aws_cloudwatch_event_rule.this.name
  event_bus_name = var.bus_name
  arn            = var.target_queue_arn

  retry_policy {
    maximum_event_age_in_seconds = var.maximum_event_age_seconds
    maximum_retry_attempts       = var.maximum_retry_attempts
  }

  dead_letter_config {
    arn = var.dead_letter_queue_arn
  }
}

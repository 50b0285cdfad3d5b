resource "aws_cloudwatch_event_rule" "this" {
  name                = var.name
  description         = var.description
  schedule_expression = var.schedule_expression
}

resource "aws_cloudwatch_event_target" "this" {
  rule = aws_cloudwatch_event_rule.this.name
  arn  = var.function_arn

  # The next tick does what this one did not, so a late one is worth nothing.
  retry_policy {
    maximum_event_age_in_seconds = 60
    maximum_retry_attempts       = 1
  }

  dead_letter_config {
    arn = var.dead_letter_queue_arn
  }
}

# Lambda runs a tick when it gets to it, and would by default try one that failed again, 1 and 2 minutes later.
# `invoke pause` waits as long as a tick may live.
resource "aws_lambda_function_event_invoke_config" "this" {
  function_name                = var.function_arn
  maximum_event_age_in_seconds = 60
  maximum_retry_attempts       = 0
}

resource "aws_lambda_permission" "this" {
  statement_id  = "AdmitSchedule"
  action        = "lambda:InvokeFunction"
  function_name = var.function_arn
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.this.arn
}

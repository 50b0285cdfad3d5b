mock_provider "aws" {
  override_during = plan

  mock_resource "aws_cloudwatch_event_rule" {
    defaults = {
      arn = "arn:aws:events:eu-west-2:123456789012:rule/dev-deadline-sweep"
    }
  }
}

variables {
  name                  = "dev-deadline-sweep"
  schedule_expression   = "rate(1 minute)"
  function_arn          = "arn:aws:lambda:eu-west-2:123456789012:function:dev-deadline-sweeper-handler"
  dead_letter_queue_arn = "arn:aws:sqs:eu-west-2:123456789012:dev-sweep-dlq"
}

run "a_tick_runs_the_function_and_one_that_failed_is_left_to_the_next" {
  command = plan

  assert {
    condition     = aws_cloudwatch_event_rule.this.schedule_expression == "rate(1 minute)"
    error_message = "The rule is not on the schedule."
  }

  assert {
    condition     = aws_cloudwatch_event_target.this.arn == var.function_arn
    error_message = "The target is not the function."
  }

  assert {
    condition     = aws_cloudwatch_event_target.this.dead_letter_config[0].arn == var.dead_letter_queue_arn
    error_message = "A tick that is not delivered has no dead letter queue."
  }

  assert {
    condition     = aws_lambda_permission.this.principal == "events.amazonaws.com" && aws_lambda_permission.this.source_arn == aws_cloudwatch_event_rule.this.arn
    error_message = "Others than this rule may run the function."
  }

  assert {
    condition     = aws_lambda_function_event_invoke_config.this.function_name == var.function_arn
    error_message = "Another function than that of the schedule is told."
  }

  assert {
    condition     = aws_lambda_function_event_invoke_config.this.maximum_retry_attempts == 0
    error_message = "Lambda would try a tick that failed again."
  }

  assert {
    condition     = aws_lambda_function_event_invoke_config.this.maximum_event_age_in_seconds == 60
    error_message = "Lambda would begin with a tick that is older than `invoke pause` waits."
  }
}

run "a_schedule_that_is_none_is_refused" {
  command = plan

  variables {
    schedule_expression = "every minute"
  }

  expect_failures = [var.schedule_expression]
}

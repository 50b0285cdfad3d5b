mock_provider "aws" {}

variables {
  name                  = "dev-order-placed"
  bus_name              = "dev-order-bus"
  event_pattern         = { source = "order.service", detail_types = ["OrderPlaced"] }
  target_queue_arn      = "arn:aws:sqs:eu-west-2:123456789012:dev-order-queue"
  dead_letter_queue_arn = "arn:aws:sqs:eu-west-2:123456789012:dev-order-dlq"
}

run "a_rule_matches_no_replay_and_its_target_retries_for_a_day_and_then_dead_letters" {
  command = plan

  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.this.event_pattern) == {
      source      = ["order.service"]
      detail-type = ["OrderPlaced"]
      replay-name = [{ exists = false }]
    }
    error_message = "The pattern is not source, detail type and no replay."
  }

  assert {
    condition     = aws_cloudwatch_event_target.this.arn == var.target_queue_arn
    error_message = "The target is not the queue."
  }

  assert {
    condition     = aws_cloudwatch_event_target.this.retry_policy[0].maximum_event_age_in_seconds == 86400 && aws_cloudwatch_event_target.this.retry_policy[0].maximum_retry_attempts == 185
    error_message = "The target does not retry for a day."
  }

  assert {
    condition     = aws_cloudwatch_event_target.this.dead_letter_config[0].arn == var.dead_letter_queue_arn
    error_message = "An undelivered event has no dead letter queue."
  }
}

run "bad_inputs_are_refused" {
  command = plan

  variables {
    name                      = "no spaces"
    event_pattern             = { source = "order", detail_types = ["OrderPlaced"] }
    target_queue_arn          = "https://sqs.eu-west-2.amazonaws.com/123456789012/dev-order-queue"
    dead_letter_queue_arn     = "dev-order-dlq"
    maximum_event_age_seconds = 59
    maximum_retry_attempts    = 186
  }

  expect_failures = [
    var.name,
    var.event_pattern,
    var.target_queue_arn,
    var.dead_letter_queue_arn,
    var.maximum_event_age_seconds,
    var.maximum_retry_attempts,
  ]
}

run "a_rule_without_a_detail_type_is_refused" {
  command = plan

  variables {
    event_pattern = { source = "order.service", detail_types = [] }
  }

  expect_failures = [var.event_pattern]
}

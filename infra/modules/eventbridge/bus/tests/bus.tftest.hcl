mock_provider "aws" {
  override_during = plan

  mock_resource "aws_cloudwatch_event_bus" {
    defaults = {
      arn = "arn:aws:events:eu-west-2:123456789012:event-bus/dev-order-bus"
    }
  }
}

variables {
  name = "dev-order-bus"
}

run "a_bus_archives_its_own_events" {
  command = plan

  assert {
    condition     = aws_cloudwatch_event_archive.this.event_source_arn == output.bus_arn
    error_message = "The archive listens to another bus."
  }

  assert {
    condition     = aws_cloudwatch_event_archive.this.name == "dev-order-bus-archive"
    error_message = "The archive is not named after its bus."
  }

  assert {
    condition     = aws_cloudwatch_event_archive.this.event_pattern == null
    error_message = "The archive misses events."
  }
}

run "a_customer_key_comes_with_a_queue_for_what_it_cannot_encrypt" {
  command = plan

  variables {
    kms_key_arn           = "arn:aws:kms:eu-west-2:123456789012:key/some-key"
    dead_letter_queue_arn = "arn:aws:sqs:eu-west-2:123456789012:dev-bus-dlq"
  }

  assert {
    condition     = aws_cloudwatch_event_bus.this.kms_key_identifier == var.kms_key_arn && aws_cloudwatch_event_bus.this.dead_letter_config[0].arn == var.dead_letter_queue_arn
    error_message = "The customer's key is not used, or an event that it cannot encrypt is lost."
  }
}

run "bad_inputs_are_refused" {
  command = plan

  variables {
    name                   = "a-name-too-long-for-the-archive-that-follows-it"
    archive_retention_days = 0
    kms_key_arn            = "alias/mine"
    dead_letter_queue_arn  = "dev-bus-dlq"
  }

  expect_failures = [
    var.name,
    var.archive_retention_days,
    var.kms_key_arn,
    var.dead_letter_queue_arn,
  ]
}

run "the_default_bus_is_refused" {
  command = plan

  variables {
    name = "default"
  }

  expect_failures = [var.name]
}

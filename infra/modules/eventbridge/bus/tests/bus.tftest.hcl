mock_provider "aws" {
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

run "bad_inputs_are_refused" {
  command = plan

  variables {
    name                   = "a-name-too-long-for-the-archive-that-follows-it"
    archive_retention_days = 0
  }

  expect_failures = [
    var.name,
    var.archive_retention_days,
  ]
}

run "the_default_bus_is_refused" {
  command = plan

  variables {
    name = "default"
  }

  expect_failures = [var.name]
}

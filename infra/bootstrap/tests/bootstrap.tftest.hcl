mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = {
      json = "{}"
    }
  }
}

variables {
  prefix = "pulsequeue"
}

run "the_bucket_has_its_name" {
  command = plan

  assert {
    condition     = output.state_bucket_name == "pulsequeue-terraform-state"
    error_message = "The bucket is not named {prefix}-terraform-state."
  }
}

run "a_prefix_that_is_no_bucket_name_is_refused" {
  command = plan

  variables {
    prefix = "Pulse_Queue"
  }

  expect_failures = [var.prefix]
}

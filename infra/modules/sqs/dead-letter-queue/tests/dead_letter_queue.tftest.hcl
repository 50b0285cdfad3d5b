mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = {
      json = "{}"
    }
  }
}

variables {
  name = "dev-relay"
}

run "dead_letters_are_encrypted_and_kept_for_fourteen_days" {
  command = plan

  assert {
    condition     = aws_sqs_queue.this.name == "dev-relay-dlq"
    error_message = "The queue is not named {name}-dlq."
  }

  assert {
    condition     = aws_sqs_queue.this.message_retention_seconds == 1209600
    error_message = "Dead letters are not kept for 14 days."
  }

  assert {
    condition     = aws_sqs_queue.this.sqs_managed_sse_enabled
    error_message = "Dead letters are not encrypted."
  }
}

run "a_customer_key_takes_the_place_of_sqs_own" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-west-2:123456789012:key/some-key"
  }

  assert {
    condition     = aws_sqs_queue.this.kms_master_key_id == var.kms_key_arn
    error_message = "The customer's key is not used."
  }
}

run "bad_inputs_are_refused" {
  command = plan

  variables {
    name           = "dev.relay"
    retention_days = 15
    kms_key_arn    = "alias/mine"
  }

  expect_failures = [
    var.name,
    var.retention_days,
    var.kms_key_arn,
  ]
}

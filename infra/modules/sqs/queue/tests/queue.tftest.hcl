mock_provider "aws" {
  override_during = plan

  mock_data "aws_iam_policy_document" {
    defaults = {
      json = "{}"
    }
  }
}

variables {
  name                     = "dev-order"
  rule_arns                = ["arn:aws:events:eu-west-2:123456789012:rule/dev-order-bus/dev-order-placed"]
  function_timeout_seconds = 10
  batching_window_seconds  = 1
}

override_resource {
  target          = aws_sqs_queue.this
  override_during = plan

  values = {
    arn = "arn:aws:sqs:eu-west-2:123456789012:dev-order-queue"
  }
}

override_module {
  target = module.dead_letter_queue
  outputs = {
    queue_name = "dev-order-dlq"
    queue_arn  = "arn:aws:sqs:eu-west-2:123456789012:dev-order-dlq"
    queue_url  = "https://sqs.eu-west-2.amazonaws.com/123456789012/dev-order-dlq"
  }
}

run "a_message_outlives_timeouts_and_pauses_and_ends_in_its_own_dead_letter_queue" {
  command = plan

  assert {
    condition     = aws_sqs_queue.this.visibility_timeout_seconds == 61
    error_message = "The visibility timeout is not 6 x the timeout + the window."
  }

  assert {
    condition     = aws_sqs_queue.this.name == "dev-order-queue" && aws_sqs_queue.this.sqs_managed_sse_enabled
    error_message = "The queue is not {name}-queue, encrypted."
  }

  assert {
    condition     = aws_sqs_queue.this.message_retention_seconds == 1209600
    error_message = "A message is not kept for 14 days, the most that SQS offers."
  }

  assert {
    condition = jsondecode(aws_sqs_queue_redrive_policy.this.redrive_policy) == {
      deadLetterTargetArn = output.dead_letter_queue_arn
      maxReceiveCount     = 10
    }
    error_message = "The queue does not redrive to its dead letter queue after 10 receives."
  }

  assert {
    condition = jsondecode(aws_sqs_queue_redrive_allow_policy.this.redrive_allow_policy) == {
      redrivePermission = "byQueue"
      sourceQueueArns   = [output.queue_arn]
    }
    error_message = "The dead letter queue takes from another queue."
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
    name                     = "dev.order"
    rule_arns                = []
    function_timeout_seconds = 901
    batching_window_seconds  = 301
    max_receive_count        = 4
    kms_key_arn              = "alias/mine"
  }

  expect_failures = [
    var.name,
    var.rule_arns,
    var.function_timeout_seconds,
    var.batching_window_seconds,
    var.max_receive_count,
    var.kms_key_arn,
  ]
}

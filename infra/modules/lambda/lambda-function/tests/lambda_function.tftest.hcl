mock_provider "aws" {
  override_during = plan

  mock_data "aws_iam_policy_document" {
    defaults = {
      json = "{}"
    }
  }

  mock_resource "aws_cloudwatch_log_group" {
    defaults = {
      arn = "arn:aws:logs:eu-west-2:123456789012:log-group:/aws/lambda/dev-order-service-handler"
    }
  }

  mock_resource "aws_iam_role" {
    defaults = {
      arn = "arn:aws:iam::123456789012:role/dev-order-service-handler"
    }
  }

  mock_resource "aws_lambda_function" {
    defaults = {
      arn = "arn:aws:lambda:eu-west-2:123456789012:function:dev-order-service-handler"
    }
  }
}

variables {
  name         = "dev-order-service-handler"
  handler      = "services.order_service.handler.handler"
  package_path = "tests/package.zip"
}

run "a_function_runs_its_package_and_may_do_nothing_but_write_its_own_logs" {
  command = plan

  assert {
    condition     = one(data.aws_iam_policy_document.this.statement).actions == toset(["logs:CreateLogStream", "logs:PutLogEvents"])
    error_message = "The role may do more than write logs."
  }

  assert {
    condition     = one(data.aws_iam_policy_document.this.statement).resources == toset(["${aws_cloudwatch_log_group.this.arn}:*"])
    error_message = "The role may write to another function's logs."
  }

  assert {
    condition     = one(one(data.aws_iam_policy_document.assume_role.statement).principals).identifiers == toset(["lambda.amazonaws.com"])
    error_message = "Another service may take the role."
  }

  assert {
    condition     = length(aws_lambda_event_source_mapping.queue) + length(aws_lambda_event_source_mapping.stream) == 0
    error_message = "The function has a trigger nobody asked for."
  }

  assert {
    condition     = aws_lambda_function.this.runtime == "python3.13" && aws_lambda_function.this.architectures == tolist(["arm64"])
    error_message = "The function is not Python 3.13 on arm64."
  }

  assert {
    condition     = aws_lambda_function.this.source_code_hash == filebase64sha256("tests/package.zip")
    error_message = "A new package would not be deployed."
  }

  assert {
    condition     = aws_lambda_function.this.logging_config[0].log_format == "Text" && aws_lambda_function.this.logging_config[0].log_group == output.log_group_name
    error_message = "The function does not write plain lines to its own log group."
  }

  assert {
    condition     = output.log_group_name == "/aws/lambda/dev-order-service-handler" && aws_cloudwatch_log_group.this.retention_in_days == 30
    error_message = "The log group has another name, or keeps its logs for ever."
  }
}

run "statements_reach_the_role_with_their_conditions" {
  command = plan

  variables {
    policy_statements = [{
      sid        = "PublishOrderEvents"
      actions    = ["events:PutEvents"]
      resources  = ["arn:aws:events:eu-west-2:123456789012:event-bus/dev-order-bus"]
      conditions = [{ test = "StringEquals", variable = "events:source", values = ["order.service"] }]
    }]
  }

  assert {
    condition     = one(data.aws_iam_policy_document.this.statement[1].condition).values == tolist(["order.service"])
    error_message = "The condition is lost."
  }
}

run "metrics_may_be_read_as_no_policy_can_name_them" {
  command = plan

  variables {
    policy_statements = [{ sid = "ReadMetrics", actions = ["cloudwatch:GetMetricData"], resources = ["*"] }]
  }

  assert {
    condition     = data.aws_iam_policy_document.this.statement[1].resources == toset(["*"])
    error_message = "The statement is lost."
  }
}

run "no_other_action_comes_with_it" {
  command = plan

  variables {
    policy_statements = [{ sid = "ReadMetrics", actions = ["cloudwatch:GetMetricData", "sqs:SendMessage"], resources = ["*"] }]
  }

  expect_failures = [var.policy_statements]
}

run "a_queue_trigger_reports_partial_failures_and_may_only_consume" {
  command = plan

  variables {
    queue_trigger = {
      queue_arn           = "arn:aws:sqs:eu-west-2:123456789012:dev-order-queue"
      maximum_concurrency = 2
    }
  }

  assert {
    condition     = aws_lambda_event_source_mapping.queue[0].function_response_types == toset(["ReportBatchItemFailures"])
    error_message = "One failure would fail the batch."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.queue[0].scaling_config[0].maximum_concurrency == 2
    error_message = "The concurrency has no limit."
  }

  assert {
    condition = (
      data.aws_iam_policy_document.this.statement[1].actions == toset(["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]) &&
      data.aws_iam_policy_document.this.statement[1].resources == toset([var.queue_trigger.queue_arn])
    )
    error_message = "The role does not exactly consume its queue."
  }
}

run "a_stream_trigger_misses_no_insert_and_reports_what_it_gives_up" {
  command = plan

  variables {
    stream_trigger = {
      stream_arn           = "arn:aws:dynamodb:eu-west-2:123456789012:table/dev-event-store-table/stream/2026-01-01T00:00:00.000"
      on_failure_queue_arn = "arn:aws:sqs:eu-west-2:123456789012:dev-relay-dlq"
    }
  }

  assert {
    condition = (
      aws_lambda_event_source_mapping.stream[0].starting_position == "TRIM_HORIZON" &&
      aws_lambda_event_source_mapping.stream[0].maximum_retry_attempts == -1 &&
      aws_lambda_event_source_mapping.stream[0].maximum_record_age_in_seconds == 82800
    )
    error_message = "The mapping can lose a record before the stream does."
  }

  assert {
    condition = (
      aws_lambda_event_source_mapping.stream[0].bisect_batch_on_function_error &&
      aws_lambda_event_source_mapping.stream[0].function_response_types == toset(["ReportBatchItemFailures"])
    )
    error_message = "One failure would hold up the batch."
  }

  assert {
    condition     = jsondecode(one(aws_lambda_event_source_mapping.stream[0].filter_criteria[0].filter).pattern) == { eventName = ["INSERT"] }
    error_message = "The function gets more than inserts."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.stream[0].destination_config[0].on_failure[0].destination_arn == var.stream_trigger.on_failure_queue_arn
    error_message = "A record that is given up is not reported."
  }

  assert {
    condition     = data.aws_iam_policy_document.this.statement[2].resources == toset(["arn:aws:dynamodb:eu-west-2:123456789012:table/dev-event-store-table/stream/*"])
    error_message = "The role may list more than its table's streams."
  }
}

run "a_customer_key_encrypts_environment_and_logs_and_the_role_may_use_it" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-west-2:123456789012:key/some-key"
  }

  assert {
    condition     = aws_lambda_function.this.kms_key_arn == var.kms_key_arn && aws_cloudwatch_log_group.this.kms_key_id == var.kms_key_arn
    error_message = "The customer's key is not used."
  }

  assert {
    condition = (
      data.aws_iam_policy_document.this.statement[1].resources == toset([var.kms_key_arn]) &&
      length(setsubtract(["kms:Decrypt", "kms:GenerateDataKey"], data.aws_iam_policy_document.this.statement[1].actions)) == 0
    )
    error_message = "The role may not use the key of its tables and queues, or may use others."
  }
}

run "bad_inputs_are_refused" {
  command = plan

  variables {
    name               = "no spaces"
    handler            = "handler"
    memory_mb          = 64
    timeout_seconds    = 901
    log_retention_days = 0
    kms_key_arn        = "alias/mine"
    policy_statements  = [{ sid = "Everything", actions = ["dynamodb:*"], resources = ["*"] }]
    queue_trigger      = { queue_arn = "arn:aws:sqs:eu-west-2:123456789012:dev-order-queue", batch_size = 11, maximum_concurrency = 1 }
    stream_trigger = {
      stream_arn                 = "arn:aws:dynamodb:eu-west-2:123456789012:table/dev-event-store-table/stream/2026-01-01T00:00:00.000"
      on_failure_queue_arn       = "arn:aws:sqs:eu-west-2:123456789012:dev-relay-dlq"
      batch_size                 = 0
      maximum_record_age_seconds = 86400
    }
  }

  expect_failures = [
    var.name,
    var.handler,
    var.memory_mb,
    var.timeout_seconds,
    var.log_retention_days,
    var.kms_key_arn,
    var.policy_statements,
    var.queue_trigger,
    var.stream_trigger,
  ]
}

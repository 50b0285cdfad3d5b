mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = {
      json = "{}"
    }
  }

  mock_data "aws_caller_identity" {
    defaults = {
      account_id = "123456789012"
    }
  }

  mock_data "aws_partition" {
    defaults = {
      partition = "aws"
    }
  }

  mock_data "aws_region" {
    defaults = {
      name = "eu-west-2"
    }
  }

  mock_resource "aws_sns_topic" {
    defaults = {
      arn = "arn:aws:sns:eu-west-2:123456789012:dev-alarms"
    }
  }

  mock_resource "aws_kms_key" {
    defaults = {
      arn = "arn:aws:kms:eu-west-2:123456789012:key/some-key"
    }
  }
}

variables {
  environment             = "dev"
  dead_letter_queue_names = { order-dlq = "dev-order-dlq", relay-dlq = "dev-relay-dlq" }
  queue_names             = { order-queue = "dev-order-queue" }
  function_names          = { order-service = "dev-order-service-handler", metrics-service = "dev-metrics-service-handler" }
  metrics_api             = { api_id = "abc123", stage_name = "dev" }
  scrapes_expected        = true
  runbook_url             = "https://example.org/docs/runbook.md"
}

run "every_dead_letter_queue_and_function_has_its_alarms" {
  assert {
    condition = toset(keys(aws_cloudwatch_metric_alarm.above_zero)) == toset([
      "DeadLettersNotEmpty-order-dlq",
      "DeadLettersNotEmpty-relay-dlq",
      "FunctionErrors-metrics-service",
      "FunctionErrors-order-service",
      "FunctionThrottles-metrics-service",
      "FunctionThrottles-order-service",
    ])
    error_message = "A queue or a function has no alarm."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.above_zero["DeadLettersNotEmpty-order-dlq"].alarm_name == "dev-DeadLettersNotEmpty-order-dlq" &&
      aws_cloudwatch_metric_alarm.above_zero["DeadLettersNotEmpty-order-dlq"].dimensions == tomap({ QueueName = "dev-order-dlq" }) &&
      aws_cloudwatch_metric_alarm.above_zero["DeadLettersNotEmpty-order-dlq"].metric_name == "ApproximateNumberOfMessagesVisible" &&
      aws_cloudwatch_metric_alarm.above_zero["DeadLettersNotEmpty-order-dlq"].comparison_operator == "GreaterThanThreshold" &&
      aws_cloudwatch_metric_alarm.above_zero["DeadLettersNotEmpty-order-dlq"].threshold == 0 &&
      aws_cloudwatch_metric_alarm.above_zero["DeadLettersNotEmpty-order-dlq"].evaluation_periods == 1
    )
    error_message = "One dead letter does not ring."
  }

  assert {
    condition = alltrue([
      for alarm in concat(values(aws_cloudwatch_metric_alarm.above_zero), [aws_cloudwatch_metric_alarm.not_scraped]) :
      alarm.alarm_actions == toset([output.topic_arn]) && alarm.ok_actions == toset([output.topic_arn])
    ])
    error_message = "An alarm tells nobody that it began, or that it is over."
  }
}

run "a_description_ends_with_its_entry_in_the_runbook" {
  assert {
    condition = (
      endswith(aws_cloudwatch_metric_alarm.above_zero["DeadLettersNotEmpty-relay-dlq"].alarm_description, " Runbook: https://example.org/docs/runbook.md#deadlettersnotempty") &&
      endswith(aws_cloudwatch_metric_alarm.not_scraped.alarm_description, " Runbook: https://example.org/docs/runbook.md#metricsnotscraped")
    )
    error_message = "A description does not link to the runbook's entry."
  }
}

run "silence_rings_where_scrapes_are_expected" {
  assert {
    condition     = aws_cloudwatch_metric_alarm.not_scraped.treat_missing_data == "breaching"
    error_message = "Nobody hears of a Prometheus that is down."
  }
}

run "and_nowhere_else" {
  variables {
    scrapes_expected = false
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.not_scraped.treat_missing_data == "notBreaching"
    error_message = "An environment that nobody watches rings for ever."
  }
}

run "only_this_environments_alarms_may_publish_and_only_encrypted" {
  assert {
    condition     = aws_sns_topic.alarms.name == "dev-alarms" && aws_sns_topic.alarms.kms_master_key_id == module.key.key_arn
    error_message = "The topic is not {env}-alarms, encrypted with its own key."
  }

  assert {
    condition     = data.aws_iam_policy_document.topic.statement[0].effect == "Deny" && contains(data.aws_iam_policy_document.topic.statement[0].condition[*].variable, "aws:SecureTransport")
    error_message = "Plain HTTP is not denied."
  }

  assert {
    condition = (
      one(data.aws_iam_policy_document.topic.statement[1].principals).identifiers == toset(["cloudwatch.amazonaws.com"]) &&
      toset(flatten(data.aws_iam_policy_document.topic.statement[1].condition[*].values)) == toset(["123456789012", "arn:aws:cloudwatch:eu-west-2:123456789012:alarm:dev-*"])
    )
    error_message = "Another than this environment's alarms may publish."
  }

  assert {
    condition     = length(data.aws_iam_policy_document.topic.statement) == 2
    error_message = "Somebody else is admitted to the topic."
  }
}

run "the_dashboard_has_no_text_that_the_embedded_aws_breaks_on" {
  assert {
    condition     = !strcontains(aws_cloudwatch_dashboard.this.dashboard_body, "&") && length(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets) == 8
    error_message = "The dashboard lacks a widget, or has an ampersand."
  }
}

run "bad_inputs_are_refused" {
  command = plan

  variables {
    environment             = "Dev"
    dead_letter_queue_names = {}
    runbook_url             = "docs/runbook.md#alarms"
  }

  expect_failures = [
    var.environment,
    var.dead_letter_queue_names,
    var.runbook_url,
  ]
}

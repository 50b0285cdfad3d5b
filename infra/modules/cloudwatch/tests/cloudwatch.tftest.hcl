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
  environment                         = "dev"
  dead_letter_queue_names             = { order-dlq = "dev-order-dlq", relay-dlq = "dev-relay-dlq" }
  notification_dead_letter_queue_name = "dev-notification-dlq"
  queue_names                         = { order-queue = "dev-order-queue" }
  function_names                      = { order-service = "dev-order-service-handler", metrics-service = "dev-metrics-service-handler" }
  relay_function_name                 = "dev-event-relay-handler"
  metrics_api                         = { api_id = "abc123", stage_name = "dev" }
  scrapes_expected                    = true
  runbook_url                         = "https://example.org/docs/runbook.md"
}

run "alarms_ring_for_what_they_watch_and_only_they_may_publish" {
  command = plan

  override_resource {
    target          = aws_sns_topic.alarms
    override_during = plan

    values = {
      arn = "arn:aws:sns:eu-west-2:123456789012:dev-alarms"
    }
  }

  override_resource {
    target          = module.key.aws_kms_key.this
    override_during = plan

    values = {
      arn = "arn:aws:kms:eu-west-2:123456789012:key/some-key"
    }
  }

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
      aws_cloudwatch_metric_alarm.above_zero["DeadLettersNotEmpty-order-dlq"].namespace == "AWS/SQS" &&
      aws_cloudwatch_metric_alarm.above_zero["DeadLettersNotEmpty-order-dlq"].statistic == "Maximum" &&
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
      for metric, periods in { Errors = 1, Throttles = 3 } : (
        aws_cloudwatch_metric_alarm.above_zero["Function${metric}-order-service"].namespace == "AWS/Lambda" &&
        aws_cloudwatch_metric_alarm.above_zero["Function${metric}-order-service"].metric_name == metric &&
        aws_cloudwatch_metric_alarm.above_zero["Function${metric}-order-service"].statistic == "Sum" &&
        aws_cloudwatch_metric_alarm.above_zero["Function${metric}-order-service"].dimensions == tomap({ FunctionName = "dev-order-service-handler" }) &&
        aws_cloudwatch_metric_alarm.above_zero["Function${metric}-order-service"].evaluation_periods == periods &&
        aws_cloudwatch_metric_alarm.above_zero["Function${metric}-order-service"].threshold == 0
      )
    ])
    error_message = "A function that breaks off does not ring at once, or one that is throttled not after a while."
  }

  assert {
    condition = alltrue([
      for alarm in concat(values(aws_cloudwatch_metric_alarm.above_zero), [aws_cloudwatch_metric_alarm.relay_behind], aws_cloudwatch_metric_alarm.not_scraped) :
      alarm.alarm_actions == toset([output.topic_arn]) && alarm.ok_actions == toset([output.topic_arn])
    ])
    error_message = "An alarm tells nobody that it began, or that it is over."
  }

  assert {
    condition = (
      endswith(aws_cloudwatch_metric_alarm.above_zero["DeadLettersNotEmpty-relay-dlq"].alarm_description, " Runbook: https://example.org/docs/runbook.md#deadlettersnotempty") &&
      endswith(aws_cloudwatch_metric_alarm.relay_behind.alarm_description, " Runbook: https://example.org/docs/runbook.md#relaybehind") &&
      endswith(aws_cloudwatch_metric_alarm.not_scraped[0].alarm_description, " Runbook: https://example.org/docs/runbook.md#metricsnotscraped")
    )
    error_message = "A description does not link to the runbook's entry."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.relay_behind.alarm_name == "dev-RelayBehind" &&
      aws_cloudwatch_metric_alarm.relay_behind.namespace == "AWS/Lambda" &&
      aws_cloudwatch_metric_alarm.relay_behind.metric_name == "IteratorAge" &&
      aws_cloudwatch_metric_alarm.relay_behind.statistic == "Maximum" &&
      aws_cloudwatch_metric_alarm.relay_behind.dimensions == tomap({ FunctionName = "dev-event-relay-handler" }) &&
      aws_cloudwatch_metric_alarm.relay_behind.comparison_operator == "GreaterThanThreshold" &&
      aws_cloudwatch_metric_alarm.relay_behind.threshold == 60000 &&
      aws_cloudwatch_metric_alarm.relay_behind.evaluation_periods == 1
    )
    error_message = "Nobody hears of commits that are not published."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.not_scraped[0].alarm_name == "dev-MetricsNotScraped" &&
      aws_cloudwatch_metric_alarm.not_scraped[0].namespace == "AWS/ApiGateway" &&
      aws_cloudwatch_metric_alarm.not_scraped[0].metric_name == "Count" &&
      aws_cloudwatch_metric_alarm.not_scraped[0].statistic == "Sum" &&
      aws_cloudwatch_metric_alarm.not_scraped[0].dimensions == tomap({ ApiId = "abc123", Stage = "dev" }) &&
      aws_cloudwatch_metric_alarm.not_scraped[0].period == 300 &&
      aws_cloudwatch_metric_alarm.not_scraped[0].comparison_operator == "LessThanThreshold" &&
      aws_cloudwatch_metric_alarm.not_scraped[0].threshold == 5 &&
      aws_cloudwatch_metric_alarm.not_scraped[0].treat_missing_data == "breaching"
    )
    error_message = "Nobody hears of a Prometheus that is down, or one that is refused rings here too."
  }

  assert {
    condition     = length(aws_sns_topic.mail) + length(aws_sns_topic_subscription.mail) + length(aws_cloudwatch_metric_alarm.notifications_failing) == 0
    error_message = "There is a topic for mail without an address."
  }

  assert {
    condition     = aws_sns_topic.alarms.name == "dev-alarms" && aws_sns_topic.alarms.kms_master_key_id == module.key.key_arn
    error_message = "The topic is not {env}-alarms, encrypted with its own key."
  }

  assert {
    condition     = data.aws_iam_policy_document.topic["alarms"].statement[0].effect == "Deny" && contains(data.aws_iam_policy_document.topic["alarms"].statement[0].condition[*].variable, "aws:SecureTransport")
    error_message = "Plain HTTP is not denied."
  }

  assert {
    condition = (
      one(data.aws_iam_policy_document.topic["alarms"].statement[1].principals).identifiers == toset(["cloudwatch.amazonaws.com"]) &&
      toset(flatten(data.aws_iam_policy_document.topic["alarms"].statement[1].condition[*].values)) == toset(["123456789012", "arn:aws:cloudwatch:eu-west-2:123456789012:alarm:dev-*"])
    )
    error_message = "Another than this environment's alarms may publish."
  }

  assert {
    condition     = length(data.aws_iam_policy_document.topic["alarms"].statement) == 2
    error_message = "Somebody else is admitted to the topic."
  }

  assert {
    condition     = !strcontains(aws_cloudwatch_dashboard.this.dashboard_body, "&") && length(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets) == 8
    error_message = "The dashboard lacks a widget, or has an ampersand."
  }
}

run "silence_does_not_ring_where_no_scrapes_are_expected" {
  command = plan

  variables {
    scrapes_expected = false
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.not_scraped) == 0
    error_message = "An environment that nobody watches has an alarm for that."
  }
}

# A plan does not know the overridden document.
run "mail_tells_of_alarms_that_webhooks_did_not_take_and_of_nothing_else" {
  command = apply

  variables {
    alarm_email = "ops@example.org"
  }

  override_resource {
    target = aws_sns_topic.mail

    values = {
      arn = "arn:aws:sns:eu-west-2:123456789012:dev-mail"
    }
  }

  override_data {
    target = data.aws_iam_policy_document.topic["mail"]

    values = {
      json = "{\"Id\": \"mail\"}"
    }
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.notifications_failing[0].alarm_name == "dev-NotificationsFailing" &&
      aws_cloudwatch_metric_alarm.notifications_failing[0].namespace == "AWS/SQS" &&
      aws_cloudwatch_metric_alarm.notifications_failing[0].metric_name == "ApproximateNumberOfMessagesVisible" &&
      aws_cloudwatch_metric_alarm.notifications_failing[0].statistic == "Maximum" &&
      aws_cloudwatch_metric_alarm.notifications_failing[0].dimensions == tomap({ QueueName = "dev-notification-dlq" }) &&
      aws_cloudwatch_metric_alarm.notifications_failing[0].comparison_operator == "GreaterThanThreshold" &&
      aws_cloudwatch_metric_alarm.notifications_failing[0].threshold == 0 &&
      aws_cloudwatch_metric_alarm.notifications_failing[0].alarm_actions == toset([aws_sns_topic.mail[0].arn]) &&
      endswith(aws_cloudwatch_metric_alarm.notifications_failing[0].alarm_description, " Runbook: https://example.org/docs/runbook.md#notificationsfailing")
    )
    error_message = "Mail does not tell of an alarm that webhooks did not take."
  }

  assert {
    condition = (
      aws_sns_topic_subscription.mail[0].topic_arn == aws_sns_topic.mail[0].arn &&
      aws_sns_topic_subscription.mail[0].protocol == "email" &&
      aws_sns_topic_subscription.mail[0].endpoint == "ops@example.org"
    )
    error_message = "The address is not told."
  }

  assert {
    condition = alltrue([
      for alarm in concat(values(aws_cloudwatch_metric_alarm.above_zero), [aws_cloudwatch_metric_alarm.relay_behind], aws_cloudwatch_metric_alarm.not_scraped) :
      alarm.alarm_actions == toset([output.topic_arn])
    ])
    error_message = "An alarm that webhooks tell of comes by mail too."
  }

  assert {
    condition = (
      aws_sns_topic.mail[0].name == "dev-mail" && aws_sns_topic.mail[0].kms_master_key_id == module.key.key_arn &&
      alltrue([for statement in data.aws_iam_policy_document.topic["mail"].statement : statement.resources == toset([aws_sns_topic.mail[0].arn])]) &&
      length(data.aws_iam_policy_document.topic["mail"].statement) == 2 &&
      aws_sns_topic_policy.mail[0].arn == aws_sns_topic.mail[0].arn && jsondecode(aws_sns_topic_policy.mail[0].policy) == { Id = "mail" }
    )
    error_message = "The topic for mail is not guarded as the alarms' own."
  }
}

run "bad_inputs_are_refused" {
  command = plan

  variables {
    environment             = "Dev"
    dead_letter_queue_names = {}
    runbook_url             = "docs/runbook.md#alarms"
    alarm_email             = "nobody"
  }

  expect_failures = [
    var.environment,
    var.dead_letter_queue_names,
    var.runbook_url,
    var.alarm_email,
  ]
}

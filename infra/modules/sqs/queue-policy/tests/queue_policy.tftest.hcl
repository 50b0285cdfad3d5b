mock_provider "aws" {
  override_during = plan

  mock_data "aws_iam_policy_document" {
    defaults = {
      json = "{}"
    }
  }
}

variables {
  queue_url = "https://sqs.eu-west-2.amazonaws.com/123456789012/dev-order-queue"
  queue_arn = "arn:aws:sqs:eu-west-2:123456789012:dev-order-queue"
}

run "only_the_named_rules_may_send" {
  command = plan

  variables {
    rule_arns = ["arn:aws:events:eu-west-2:123456789012:rule/dev-order-bus/dev-order-placed"]
  }

  assert {
    condition     = data.aws_iam_policy_document.this.statement[1].actions == toset(["sqs:SendMessage"])
    error_message = "A rule may do more than send."
  }

  assert {
    condition     = one(data.aws_iam_policy_document.this.statement[1].principals).identifiers == toset(["events.amazonaws.com"])
    error_message = "Another principal than EventBridge may send."
  }

  assert {
    condition = (
      one(data.aws_iam_policy_document.this.statement[1].condition).variable == "aws:SourceArn" &&
      one(data.aws_iam_policy_document.this.statement[1].condition).values == tolist(var.rule_arns)
    )
    error_message = "Another rule may send."
  }
}

run "only_the_named_topics_may_send" {
  command = plan

  variables {
    topic_arns = ["arn:aws:sns:eu-west-2:123456789012:dev-alarms"]
  }

  assert {
    condition     = one(data.aws_iam_policy_document.this.statement[1].principals).identifiers == toset(["sns.amazonaws.com"])
    error_message = "Another principal than SNS may send."
  }

  assert {
    condition = (
      one(data.aws_iam_policy_document.this.statement[1].condition).variable == "aws:SourceArn" &&
      one(data.aws_iam_policy_document.this.statement[1].condition).values == tolist(var.topic_arns)
    )
    error_message = "Another topic may send."
  }
}

run "only_the_named_buses_may_send" {
  command = plan

  variables {
    bus_arns = ["arn:aws:events:eu-west-2:123456789012:event-bus/dev-order-bus"]
  }

  assert {
    condition = (
      one(data.aws_iam_policy_document.this.statement[1].principals).identifiers == toset(["events.amazonaws.com"]) &&
      one(data.aws_iam_policy_document.this.statement[1].condition).variable == "aws:SourceArn" &&
      one(data.aws_iam_policy_document.this.statement[1].condition).values == tolist(var.bus_arns)
    )
    error_message = "Another than this bus may send."
  }
}

run "without_senders_nobody_is_admitted_and_plain_http_is_denied" {
  command = plan

  assert {
    condition     = one(data.aws_iam_policy_document.this.statement).effect == "Deny"
    error_message = "The policy is not the one denial."
  }

  assert {
    condition     = contains(one(data.aws_iam_policy_document.this.statement).condition[*].variable, "aws:SecureTransport")
    error_message = "Plain HTTP is not denied."
  }
}

run "bad_inputs_are_refused" {
  command = plan

  variables {
    queue_arn  = "dev-order-queue"
    rule_arns  = ["arn:aws:events:eu-west-2:123456789012:rule/dev-order-bus/*"]
    topic_arns = ["arn:aws:sns:eu-west-2:123456789012:*"]
    bus_arns   = ["arn:aws:events:eu-west-2:123456789012:event-bus/*"]
  }

  expect_failures = [
    var.queue_arn,
    var.rule_arns,
    var.topic_arns,
    var.bus_arns,
  ]
}

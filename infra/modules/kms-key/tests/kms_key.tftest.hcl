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
}

variables {
  name        = "dev"
  description = "Encrypts what dev keeps."
}

run "a_key_rotates_and_only_iam_says_who_may_use_it" {
  command = plan

  assert {
    condition     = aws_kms_key.this.enable_key_rotation && aws_kms_key.this.deletion_window_in_days == 30 && aws_kms_alias.this.name == "alias/dev"
    error_message = "The key does not rotate, is deleted at once, or has another name."
  }

  assert {
    condition     = one(one(data.aws_iam_policy_document.this.statement).principals).identifiers == toset(["arn:aws:iam::123456789012:root"])
    error_message = "Somebody else than the account's IAM is admitted."
  }
}

run "a_service_is_admitted_in_the_name_of_its_sources_only" {
  command = plan

  variables {
    service_source_arns = {
      "cloudwatch.amazonaws.com" = ["arn:aws:cloudwatch:eu-west-2:123456789012:alarm:dev-*"]
      "events.amazonaws.com"     = ["arn:aws:events:eu-west-2:123456789012:rule/dev-*"]
    }
  }

  assert {
    condition = [for statement in slice(data.aws_iam_policy_document.this.statement, 1, 3) : one(statement.principals).identifiers] == [
      toset(["cloudwatch.amazonaws.com"]),
      toset(["events.amazonaws.com"]),
    ]
    error_message = "A service is not admitted."
  }

  assert {
    condition = alltrue([
      for statement in slice(data.aws_iam_policy_document.this.statement, 1, 3) :
      statement.actions == toset(["kms:Decrypt", "kms:GenerateDataKey*"]) &&
      toset(statement.condition[*].variable) == toset(["aws:SourceAccount", "aws:SourceArn"]) &&
      toset(flatten(statement.condition[*].values)) == toset(concat(["123456789012"], var.service_source_arns[one(one(statement.principals).identifiers)]))
    ])
    error_message = "A service may use the key for others, or for more."
  }

  assert {
    condition = (
      data.aws_iam_policy_document.this.statement[3].actions == toset(["kms:DescribeKey"]) &&
      one(data.aws_iam_policy_document.this.statement[3].principals).identifiers == toset(["events.amazonaws.com"]) &&
      length(data.aws_iam_policy_document.this.statement) == 4
    )
    error_message = "EventBridge cannot look at the key, or somebody else can."
  }
}

run "a_service_without_sources_is_admitted_for_the_account" {
  command = plan

  variables {
    service_source_arns = { "events.amazonaws.com" = [] }
  }

  assert {
    condition = (
      one(data.aws_iam_policy_document.this.statement[1].condition).variable == "aws:SourceAccount" &&
      one(data.aws_iam_policy_document.this.statement[1].condition).values == tolist(["123456789012"])
    )
    error_message = "A service may use the key for other accounts, or for nobody."
  }
}

run "logs_are_encrypted_for_the_named_groups_only" {
  command = plan

  variables {
    log_group_arns = ["arn:aws:logs:eu-west-2:123456789012:log-group:/aws/lambda/dev-*"]
  }

  assert {
    condition = (
      one(data.aws_iam_policy_document.this.statement[1].principals).identifiers == toset(["logs.eu-west-2.amazonaws.com"]) &&
      one(data.aws_iam_policy_document.this.statement[1].condition).variable == "kms:EncryptionContext:aws:logs:arn" &&
      one(data.aws_iam_policy_document.this.statement[1].condition).values == tolist(var.log_group_arns)
    )
    error_message = "CloudWatch Logs is not admitted, or for other groups."
  }
}

run "bad_inputs_are_refused" {
  command = plan

  variables {
    name                 = "aws/dev"
    service_source_arns  = { "events" = ["*"] }
    log_group_arns       = ["arn:aws:logs:*"]
    deletion_window_days = 1
  }

  expect_failures = [
    var.name,
    var.service_source_arns,
    var.log_group_arns,
    var.deletion_window_days,
  ]
}

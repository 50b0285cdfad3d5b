mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = {
      json = "{}"
    }
  }
}

variables {
  prefix      = "pulsequeue"
  environment = "staging"
}

run "the_bucket_has_its_name_and_nobody_may_deploy_unless_a_repository_is_named" {
  command = plan

  assert {
    condition     = output.state_bucket_name == "pulsequeue-terraform-state"
    error_message = "The bucket is not named {prefix}-terraform-state."
  }

  assert {
    condition = length(concat(
      values(aws_iam_openid_connect_provider.github), values(aws_iam_role.plan), values(aws_iam_role.deploy),
      values(aws_iam_policy.boundary),
    )) == 0
    error_message = "There is a way in that nobody asked for."
  }
}

run "a_repository_gets_one_role_to_plan_and_one_that_deploys_and_writes_few_items" {
  command = plan

  variables {
    github_repository      = "us/shop"
    create_github_provider = true
  }

  assert {
    condition     = aws_iam_openid_connect_provider.github["this"].url == "https://token.actions.githubusercontent.com"
    error_message = "The provider is not GitHub's."
  }

  assert {
    condition     = one(aws_iam_openid_connect_provider.github["this"].client_id_list) == "sts.amazonaws.com"
    error_message = "Tokens that were made for somebody else are taken."
  }

  assert {
    condition = [aws_iam_role.plan["this"].name, aws_iam_role.deploy["this"].name] == [
      "pulsequeue-staging-plan", "pulsequeue-staging-deploy",
    ]
    error_message = "A role that is named as the environment's own could be changed by the deploying role."
  }

  assert {
    condition = toset(flatten([
      for statement in data.aws_iam_policy_document.deploy.statement : [
        for grant in setproduct(statement.actions, statement.resources) : "${grant[0]} ${split("/", grant[1])[1]}"
      ] if statement.sid != "WriteTables" && anytrue([for action in statement.actions : startswith(action, "dynamodb:")])
      ])) == toset([
      "dynamodb:BatchGetItem staging-event-store-table",
      "dynamodb:BatchGetItem staging-inventory-table",
      "dynamodb:BatchGetItem staging-simulated-gateway-table",
      "dynamodb:PutItem staging-event-store-table",
      "dynamodb:Query staging-event-store-table",
      "dynamodb:UpdateItem staging-inventory-table",
    ])
    error_message = "A deployment could change money, counters or sweeps, or read more than it is tested by."
  }
}

run "only_where_no_customers_are_real_may_a_deployment_make_one_to_test_as" {
  command = plan

  variables {
    github_repository = "us/shop"
    environment       = "dev"
  }

  assert {
    condition = flatten([
      for statement in data.aws_iam_policy_document.users.statement : statement.actions if statement.sid == "TestAsCustomer"
    ]) == [for action in ["AddUserToGroup", "CreateUser", "DeleteUser", "GetUser", "SetUserPassword"] : "cognito-idp:Admin${action}"]
    error_message = "The post-deploy test cannot sign in as a customer and as staff."
  }
}

run "a_deployment_of_staging_may_be_no_customer" {
  command = plan

  variables {
    github_repository = "us/shop"
  }

  assert {
    condition     = !anytrue([for statement in data.aws_iam_policy_document.users.statement : statement.sid == "TestAsCustomer"])
    error_message = "Whoever deploys could set a customer's password."
  }
}

run "a_provider_and_a_key_that_the_account_has_are_used" {
  command = plan

  variables {
    github_repository = "us@123/shop@456"
    kms_key_arn       = "arn:aws:kms:eu-west-2:123456789012:key/1"
  }

  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 0 && length(aws_iam_role.deploy) == 1
    error_message = "A second provider of the same address is refused by AWS."
  }

  assert {
    condition = [
      for statement in data.aws_iam_policy_document.plan.statement : statement.resources if statement.sid == "UseKeyOfState"
    ] == [toset([var.kms_key_arn])]
    error_message = "AWS takes no policy in which two statements have one Sid."
  }
}

run "the_provider_stays_for_others_when_the_roles_go" {
  command = plan

  variables {
    create_github_provider = true
  }

  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 1 && length(aws_iam_role.deploy) == 0
    error_message = "Other environments and repositories of the account can no longer sign in."
  }
}

run "bad_inputs_are_refused" {
  command = plan

  variables {
    prefix            = "Pulse_Queue"
    github_repository = "us/*"
  }

  expect_failures = [
    var.prefix,
    var.github_repository,
  ]
}

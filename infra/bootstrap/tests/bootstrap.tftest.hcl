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

run "nobody_may_deploy_unless_a_repository_is_named" {
  command = plan

  assert {
    condition = length(concat(
      values(aws_iam_openid_connect_provider.github), values(aws_iam_role.plan), values(aws_iam_role.deploy),
      values(aws_iam_policy.boundary),
    )) == 0
    error_message = "There is a way in that nobody asked for."
  }
}

run "a_repository_gets_one_role_to_plan_and_one_to_deploy" {
  command = plan

  variables {
    github_repository = "us/shop"
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
}

run "a_provider_that_the_account_has_is_used" {
  command = plan

  variables {
    github_repository      = "us@123/shop@456"
    create_github_provider = false
  }

  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 0 && length(aws_iam_role.deploy) == 1
    error_message = "A second provider of the same address is refused by AWS."
  }
}

run "a_repository_with_a_wildcard_is_refused" {
  command = plan

  variables {
    github_repository = "us/*"
  }

  expect_failures = [var.github_repository]
}

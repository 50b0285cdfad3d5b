mock_provider "aws" {
  override_during = plan

  mock_data "aws_iam_policy_document" {
    defaults = {
      json = "{}"
    }
  }

  mock_resource "aws_cognito_user_pool" {
    defaults = {
      id       = "eu-west-2_abc"
      arn      = "arn:aws:cognito-idp:eu-west-2:123456789012:userpool/eu-west-2_abc"
      endpoint = "cognito-idp.eu-west-2.amazonaws.com/eu-west-2_abc"
    }
  }

  mock_resource "aws_cognito_user_pool_client" {
    defaults = {
      id = "client"
    }
  }
}

variables {
  name = "dev-customers"

  trigger = {
    function_name = "dev-customer-service-trigger"
    function_arn  = "arn:aws:lambda:eu-west-2:123456789012:function:dev-customer-service-trigger"
    role_name     = "dev-customer-service-trigger"
  }

  groups = { staff = "May change products." }
}

run "the_trigger_adds_claims_to_access_tokens" {
  command = plan

  assert {
    condition = (
      aws_cognito_user_pool.this.lambda_config[0].pre_token_generation_config[0].lambda_arn == var.trigger.function_arn &&
      aws_cognito_user_pool.this.lambda_config[0].pre_token_generation_config[0].lambda_version == "V2_0" &&
      aws_cognito_user_pool.this.user_pool_tier == "ESSENTIALS"
    )
    error_message = "The trigger is not asked for access tokens."
  }

  assert {
    condition = (
      aws_lambda_permission.trigger.principal == "cognito-idp.amazonaws.com" &&
      aws_lambda_permission.trigger.source_arn == aws_cognito_user_pool.this.arn
    )
    error_message = "Another pool may call the trigger, or this one may not."
  }

  assert {
    condition = (
      aws_iam_role_policy.trigger.role == "dev-customer-service-trigger" &&
      one(data.aws_iam_policy_document.trigger.statement).actions == toset(["cognito-idp:AdminUpdateUserAttributes"]) &&
      one(data.aws_iam_policy_document.trigger.statement).resources == toset([aws_cognito_user_pool.this.arn])
    )
    error_message = "The trigger may do more than to keep an id with a user of this pool, or less."
  }
}

run "nobody_chooses_whom_they_are" {
  command = plan

  assert {
    condition     = [for schema in aws_cognito_user_pool.this.schema : schema.name] == ["customer_id"] && aws_cognito_user_pool_client.this.write_attributes == toset(["email"])
    error_message = "A user may write an attribute that says who they are."
  }

  assert {
    condition     = aws_cognito_user_pool_client.this.prevent_user_existence_errors == "ENABLED"
    error_message = "Anybody may find out who has an account."
  }
}

run "passwords_are_long_and_tokens_short" {
  command = plan

  assert {
    condition     = aws_cognito_user_pool.this.password_policy[0].minimum_length >= 12 && aws_cognito_user_pool.this.mfa_configuration == "OPTIONAL"
    error_message = "A password is easily guessed."
  }

  assert {
    condition     = aws_cognito_user_pool_client.this.access_token_validity == 15 && aws_cognito_user_pool_client.this.token_validity_units[0].access_token == "minutes"
    error_message = "A token that was lost is good for long."
  }

  assert {
    condition     = aws_cognito_user_pool_client.this.explicit_auth_flows == toset(["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH"])
    error_message = "There is another way to sign in, or one less."
  }
}

run "others_are_told_what_they_need" {
  command = plan

  assert {
    condition     = output.issuer == "https://cognito-idp.eu-west-2.amazonaws.com/eu-west-2_abc" && output.pool_id == "eu-west-2_abc" && endswith(output.pool_arn, "userpool/eu-west-2_abc") && output.client_id == "client"
    error_message = "The issuer or the client is another."
  }

  assert {
    condition     = aws_cognito_user_pool.this.deletion_protection == "ACTIVE" && keys(aws_cognito_user_group.this) == ["staff"]
    error_message = "The pool can be deleted, or a group is missing."
  }
}

run "a_pool_may_go_without_protection_and_second_factor" {
  command = plan

  variables {
    deletion_protection = false
    mfa                 = "OFF"
  }

  assert {
    condition     = aws_cognito_user_pool.this.deletion_protection == "INACTIVE" && length(aws_cognito_user_pool.this.software_token_mfa_configuration) == 0
    error_message = "The pool is not as it was asked for."
  }
}

run "bad_inputs_are_refused" {
  command = plan

  variables {
    name                 = "no spaces"
    mfa                  = "MAYBE"
    access_token_minutes = 4
    refresh_token_days   = 0
  }

  expect_failures = [
    var.name,
    var.mfa,
    var.access_token_minutes,
    var.refresh_token_days,
  ]
}

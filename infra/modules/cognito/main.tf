# Sign-up, sign-in and passwords are Cognito's. Its one endpoint is its API: there is no page to sign in, and no domain.
resource "aws_cognito_user_pool" "this" {
  name                = var.name
  user_pool_tier      = "ESSENTIALS" # the least whose trigger may add claims to access tokens
  deletion_protection = var.deletion_protection ? "ACTIVE" : "INACTIVE"

  username_attributes      = ["email"]
  auto_verified_attributes = ["email"]
  mfa_configuration        = var.mfa

  username_configuration {
    case_sensitive = false
  }

  # Our own id of a customer: `sub` belongs to one pool, and another region has another.
  schema {
    name                = "customer_id"
    attribute_data_type = "String"
    mutable             = true # or the trigger could not write it once the user exists
    required            = false
    # Stated, as AWS answers with it.
    developer_only_attribute = false

    string_attribute_constraints {
      min_length = 1
      max_length = 128
    }
  }

  password_policy {
    minimum_length                   = 12
    require_lowercase                = true
    require_numbers                  = true
    require_symbols                  = true
    require_uppercase                = true
    temporary_password_validity_days = 1
  }

  dynamic "software_token_mfa_configuration" {
    for_each = var.mfa == "OFF" ? [] : [true]

    content {
      enabled = software_token_mfa_configuration.value
    }
  }

  account_recovery_setting {
    recovery_mechanism {
      name     = "verified_email"
      priority = 1
    }
  }

  lambda_config {
    pre_token_generation_config {
      lambda_arn     = var.trigger.function_arn
      lambda_version = "V2_0" # with it, access tokens get the claims too
    }
  }
}

resource "aws_cognito_user_group" "this" {
  for_each = var.groups

  name         = each.key
  description  = each.value
  user_pool_id = aws_cognito_user_pool.this.id
}

resource "aws_cognito_user_pool_client" "this" {
  name         = "${var.name}-client"
  user_pool_id = aws_cognito_user_pool.this.id

  explicit_auth_flows           = ["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH"]
  prevent_user_existence_errors = "ENABLED"
  enable_token_revocation       = true

  # A user who could write custom:customer_id would be whom they like.
  read_attributes  = ["email", "email_verified"]
  write_attributes = ["email"]

  access_token_validity  = var.access_token_minutes
  id_token_validity      = var.access_token_minutes
  refresh_token_validity = var.refresh_token_days

  token_validity_units {
    access_token  = "minutes"
    id_token      = "minutes"
    refresh_token = "days"
  }
}

resource "aws_lambda_permission" "trigger" {
  statement_id  = "AdmitUserPool"
  action        = "lambda:InvokeFunction"
  function_name = var.trigger.function_name
  principal     = "cognito-idp.amazonaws.com"
  source_arn    = aws_cognito_user_pool.this.arn
}

# Here and not with the function: the pool names the function, so the function cannot wait for the pool's name.
data "aws_iam_policy_document" "trigger" {
  statement {
    sid       = "KeepCustomerId"
    actions   = ["cognito-idp:AdminUpdateUserAttributes"]
    resources = [aws_cognito_user_pool.this.arn]
  }
}

resource "aws_iam_role_policy" "trigger" {
  name   = var.name
  role   = var.trigger.role_name
  policy = data.aws_iam_policy_document.trigger.json
}

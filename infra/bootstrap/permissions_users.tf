# Makes the user pool: a policy of its own, as one of a role may not be longer.
data "aws_iam_policy_document" "users" {
  statement {
    sid       = "CreateTaggedUserPools"
    actions   = ["cognito-idp:CreateUserPool"]
    resources = ["*"] # a pool that is being made has no ARN yet; the condition names the environment

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/Environment"
      values   = [var.environment]
    }
  }

  # The tags of a new pool. Of a pool that has the tag, it must be this environment's.
  statement {
    sid       = "TagNewUserPools"
    actions   = ["cognito-idp:TagResource"]
    resources = [local.pools_arn]

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/Environment"
      values   = [var.environment]
    }

    condition {
      test     = "StringEqualsIfExists"
      variable = "aws:ResourceTag/Environment"
      values   = [var.environment]
    }
  }

  statement {
    sid = "WriteTaggedUserPools"
    actions = concat(
      [for action in ["Create", "Delete", "Update"] : "cognito-idp:${action}Group"],
      [for action in ["Create", "Delete", "Update"] : "cognito-idp:${action}UserPoolClient"],
      ["cognito-idp:DeleteUserPool", "cognito-idp:SetUserPoolMfaConfig", "cognito-idp:TagResource", "cognito-idp:UntagResource", "cognito-idp:UpdateUserPool"],
    )
    resources = [local.pools_arn]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/Environment"
      values   = [var.environment]
    }
  }

  # The post-deploy test's customer and staff. Whoever may set passwords may be anybody: so not where there are real users.
  dynamic "statement" {
    for_each = contains(["staging", "prod"], var.environment) ? [] : [true]

    content {
      sid       = "TestAsCustomer"
      actions   = [for action in ["AddUserToGroup", "CreateUser", "DeleteUser", "GetUser", "SetUserPassword"] : "cognito-idp:Admin${action}"]
      resources = [local.pools_arn]

      condition {
        test     = "StringEquals"
        variable = "aws:ResourceTag/Environment"
        values   = [var.environment]
      }
    }
  }
}

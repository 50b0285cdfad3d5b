# Makes what Terraform planned, and tests it.
data "aws_iam_policy_document" "deploy" {
  statement {
    sid       = "WriteState"
    actions   = ["s3:PutObject"]
    resources = [local.state_arn]
  }

  dynamic "statement" {
    for_each = local.named

    content {
      sid       = "Write${statement.key}"
      actions   = statement.value.write
      resources = statement.value.resources
    }
  }

  # Without this a deployment could make a role that may do anything, and be it.
  statement {
    sid       = "WriteBoundedRoles"
    actions   = ["iam:CreateRole", "iam:DeleteRolePolicy", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"]
    resources = [local.role_arn]

    condition {
      test     = "StringEquals"
      variable = "iam:PermissionsBoundary"
      values   = [local.boundary_arn]
    }
  }

  statement {
    sid       = "PassRolesToFunctions"
    actions   = ["iam:PassRole"]
    resources = [local.role_arn]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["lambda.amazonaws.com"]
    }
  }

  # To subscribe is a right on the topic; a subscription itself is no resource that a policy could name.
  statement {
    sid       = "WriteSubscriptions"
    actions   = ["sns:SetSubscriptionAttributes", "sns:Unsubscribe"]
    resources = ["*"]
  }

  statement {
    sid       = "CreateMappings"
    actions   = ["lambda:CreateEventSourceMapping"]
    resources = ["*"] # a mapping that is being made has no id yet; the condition names the function

    condition {
      test     = "ArnLike"
      variable = "lambda:FunctionArn"
      values   = ["${local.arn.lambda}:function:${var.environment}-*"]
    }
  }

  statement {
    sid       = "WriteMappings"
    actions   = ["lambda:DeleteEventSourceMapping", "lambda:UpdateEventSourceMapping"]
    resources = ["${local.arn.lambda}:event-source-mapping:*"]

    condition {
      test     = "ArnLike"
      variable = "lambda:FunctionArn"
      values   = ["${local.arn.lambda}:function:${var.environment}-*"]
    }
  }

  statement {
    sid       = "TagMappings"
    actions   = ["lambda:TagResource", "lambda:UntagResource"]
    resources = ["${local.arn.lambda}:event-source-mapping:*"]
  }

  statement {
    sid       = "CreateTaggedKeys"
    actions   = ["kms:CreateKey"]
    resources = ["*"] # a key that is being made has no ARN yet; the condition names the environment

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/Environment"
      values   = [var.environment]
    }
  }

  # Tags of a new key need this right too. A new key has no alias, which spares those in use; and of a key that has the
  # tag, it must be this environment's.
  statement {
    sid       = "TagNewKeys"
    actions   = ["kms:TagResource"]
    resources = ["${local.arn.kms}:key/*"]

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

    condition {
      test     = "Null"
      variable = "kms:ResourceAliases"
      values   = ["true"]
    }
  }

  # With a customer's key, AWS asks for its use of whoever makes a table or a function, or writes to one.
  statement {
    sid = "WriteAndUseTaggedKeys"
    actions = concat(local.key_use, [
      "kms:CreateAlias", "kms:DeleteAlias", "kms:DisableKeyRotation", "kms:EnableKeyRotation", "kms:PutKeyPolicy",
      "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UpdateAlias", "kms:UpdateKeyDescription",
    ])
    resources = ["${local.arn.kms}:key/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/Environment"
      values   = [var.environment]
    }
  }

  # A table keeps its key by a grant, which DynamoDB makes in this role's name.
  statement {
    sid       = "GrantTaggedKeys"
    actions   = ["kms:CreateGrant"]
    resources = ["${local.arn.kms}:key/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/Environment"
      values   = [var.environment]
    }

    condition {
      test     = "Bool"
      variable = "kms:GrantIsForAWSResource"
      values   = ["true"]
    }
  }

  statement {
    sid       = "WriteKeyAliases"
    actions   = ["kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"]
    resources = ["${local.arn.kms}:alias/${var.environment}-*"]
  }

  # The tags of a new API are written by the last right. Of an API that has the tag, it must be this environment's.
  statement {
    sid       = "CreateTaggedApis"
    actions   = ["apigateway:POST", "apigateway:PUT"]
    resources = [local.apis_arn, "${local.apis_arn}/*/stages", local.api_tags_arn]

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
    sid       = "WriteTaggedApis"
    actions   = ["apigateway:DELETE", "apigateway:PATCH", "apigateway:POST", "apigateway:PUT"]
    resources = ["${local.apis_arn}/*", local.api_tags_arn]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/Environment"
      values   = [var.environment]
    }
  }

  # These bear no tag of their own, and AWS promises only of REST APIs that the API's own counts for its parts:
  # https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-tagging-supported-resources.html
  statement {
    sid       = "WriteApiParts"
    actions   = ["apigateway:DELETE", "apigateway:PATCH", "apigateway:POST"]
    resources = [for part in ["integrations", "routes"] : "${local.apis_arn}/*/${part}*"]

    condition {
      test     = "StringEqualsIfExists"
      variable = "aws:ResourceTag/Environment"
      values   = [var.environment]
    }
  }

  # The access log of an API: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html
  statement {
    sid = "DeliverAccessLogs"
    actions = [
      "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeResourcePolicies", "logs:GetLogDelivery",
      "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
    ]
    resources = ["*"] # AWS has these for the whole account or not at all
  }

  statement {
    sid       = "MakeSecrets"
    actions   = ["ssm:GetParameter", "ssm:PutParameter"]
    resources = [for name in ["metrics-token", "carrier-secret", "cursor-secret"] : "${local.arn.ssm}:parameter/${var.environment}/${name}"]
  }

  # What the post-deploy test does: it seeds products of its own, orders them, and looks what became of it.
  statement {
    sid       = "SendOrders"
    actions   = ["events:PutEvents"]
    resources = ["${local.arn.events}:event-bus/${var.environment}-order-bus"]
  }

  statement {
    sid       = "SeedStock"
    actions   = ["dynamodb:BatchGetItem", "dynamodb:UpdateItem"]
    resources = ["${local.arn.dynamodb}:table/${var.environment}-inventory-table"]
  }

  statement {
    sid       = "CommitSeedingAndReadOrders"
    actions   = ["dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:Query"]
    resources = ["${local.arn.dynamodb}:table/${var.environment}-event-store-table"]
  }

  statement {
    sid       = "ReadCharges"
    actions   = ["dynamodb:BatchGetItem"]
    resources = ["${local.arn.dynamodb}:table/${var.environment}-simulated-gateway-table"]
  }
}

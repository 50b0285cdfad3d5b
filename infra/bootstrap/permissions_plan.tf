# Reads what Terraform plans from.
data "aws_iam_policy_document" "plan" {
  #checkov:skip=CKV_AWS_356:AWS has these lists for the whole account or not at all; all else names what is the environment's own
  statement {
    sid       = "FindState"
    actions   = ["s3:ListBucket"]
    resources = [module.state_bucket.bucket_arn]
  }

  statement {
    sid       = "ReadState"
    actions   = ["s3:GetObject"]
    resources = [local.state_arn]
  }

  statement {
    sid       = "LockState"
    actions   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
    resources = ["${local.state_arn}.tflock"]
  }

  dynamic "statement" {
    for_each = var.kms_key_arn[*]

    content {
      sid       = "UseKeyOfState"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]
    }
  }

  statement {
    sid       = "ReadBoundary"
    actions   = ["iam:GetPolicy"]
    resources = [local.boundary_arn]
  }

  dynamic "statement" {
    for_each = local.named

    content {
      sid       = "Read${statement.key}"
      actions   = statement.value.read
      resources = statement.value.resources
    }
  }

  statement {
    sid       = "ReadApis"
    actions   = ["apigateway:GET"]
    resources = [local.apis_arn, "${local.apis_arn}/*", local.api_tags_arn]
  }

  # A pool's users are no part of these.
  statement {
    sid       = "ReadUserPools"
    actions   = ["cognito-idp:DescribeUserPool", "cognito-idp:DescribeUserPoolClient", "cognito-idp:GetGroup", "cognito-idp:GetUserPoolMfaConfig"]
    resources = [local.pools_arn]
  }

  # AWS makes up the ids of keys; of another environment's key this reads how it is set, not what it encrypts.
  statement {
    sid = "ReadKeys"
    actions = [
      "kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags",
    ]
    resources = ["${local.arn.kms}:key/*"]
  }

  # With a customer's key, a function's environment is read by it.
  statement {
    sid       = "ReadByTaggedKeys"
    actions   = ["kms:Decrypt"]
    resources = ["${local.arn.kms}:key/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/Environment"
      values   = [var.environment]
    }
  }

  # The ids of mappings are made up too; these actions know no condition that would name the function.
  statement {
    sid       = "ReadMappings"
    actions   = ["lambda:GetEventSourceMapping", "lambda:ListTags"]
    resources = ["${local.arn.lambda}:event-source-mapping:*"]
  }

  # AWS has these for the whole account or not at all.
  statement {
    sid = "List"
    actions = [
      "cloudwatch:DescribeAlarms", "kms:ListAliases", "logs:DescribeLogGroups", "sns:GetSubscriptionAttributes",
    ]
    resources = ["*"]
  }
}

# A function's own role allows less, and each need of one is in here: a test compares them.
data "aws_iam_policy_document" "boundary" {
  statement {
    sid = "UseTables"
    actions = [
      "dynamodb:BatchGetItem", "dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:DescribeStream",
      "dynamodb:GetItem", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams",
      "dynamodb:PartiQLInsert", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:Scan", "dynamodb:UpdateItem",
    ]
    resources = ["${local.arn.dynamodb}:table/${var.environment}-*"]
  }

  statement {
    sid       = "UseQueues"
    actions   = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage"]
    resources = ["${local.arn.sqs}:${var.environment}-*"]
  }

  statement {
    sid       = "PublishEvents"
    actions   = ["events:PutEvents"]
    resources = ["${local.arn.events}:event-bus/${var.environment}-*"]
  }

  # AWS makes up the ids of user pools.
  statement {
    sid       = "KeepCustomerIdsAndRemoveUsers"
    actions   = ["cognito-idp:AdminDeleteUser", "cognito-idp:AdminUpdateUserAttributes"]
    resources = [local.pools_arn]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/Environment"
      values   = [var.environment]
    }
  }

  statement {
    sid       = "ReadParameters"
    actions   = ["ssm:GetParameter"]
    resources = ["${local.arn.ssm}:parameter/${var.environment}/*"]
  }

  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = local.log_group_arns
  }

  statement {
    sid       = "ReadMetrics"
    actions   = ["cloudwatch:GetMetricData"]
    resources = ["*"] # metrics are no resources that a policy could name
  }

  statement {
    sid       = "UseTaggedKeys"
    actions   = local.key_use
    resources = ["${local.arn.kms}:key/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/Environment"
      values   = [var.environment]
    }
  }
}

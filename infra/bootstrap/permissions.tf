# What the two roles may do: what infra/modules/order-system needs, on what bears the environment's name.
locals {
  arn = {
    for service in ["events", "sqs", "dynamodb", "lambda", "logs", "sns", "kms", "ssm"] :
    service => "arn:${local.partition}:${service}:${var.region}:${local.account_id}"
  }
  cloudwatch_arn = "arn:${local.partition}:cloudwatch:${var.region}:${local.account_id}"
  # Dashboards are of no region.
  dashboard_arn = "arn:${local.partition}:cloudwatch::${local.account_id}:dashboard/${var.environment}-*"
  role_arn      = "arn:${local.partition}:iam::${local.account_id}:role/${var.environment}-*"
  boundary_arn  = "arn:${local.partition}:iam::${local.account_id}:policy/${local.role_name}-boundary"
  state_arn     = "${module.state_bucket.bucket_arn}/${var.environment}/terraform.tfstate"

  key_use = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"]

  log_group_arns = flatten([
    for group in ["/aws/lambda/${var.environment}-*", "/aws/vendedlogs/apigateway/${var.environment}-*"] :
    ["${local.arn.logs}:log-group:${group}", "${local.arn.logs}:log-group:${group}:*"]
  ])

  named = {
    Events = {
      resources = [for kind in ["event-bus", "rule", "archive"] : "${local.arn.events}:${kind}/${var.environment}-*"]
      read = [
        "events:DescribeArchive", "events:DescribeEventBus", "events:DescribeRule", "events:ListTagsForResource",
        "events:ListTargetsByRule",
      ]
      write = [
        "events:CreateArchive", "events:CreateEventBus", "events:DeleteArchive", "events:DeleteEventBus",
        "events:DeleteRule", "events:PutRule", "events:PutTargets", "events:RemoveTargets", "events:TagResource",
        "events:UntagResource", "events:UpdateArchive", "events:UpdateEventBus",
      ]
    }
    Queues = {
      resources = ["${local.arn.sqs}:${var.environment}-*"]
      read      = ["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ListQueueTags"]
      write     = ["sqs:CreateQueue", "sqs:DeleteQueue", "sqs:SetQueueAttributes", "sqs:TagQueue", "sqs:UntagQueue"]
    }
    Tables = {
      resources = ["${local.arn.dynamodb}:table/${var.environment}-*"]
      read = [
        "dynamodb:DescribeContinuousBackups", "dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive",
        "dynamodb:ListTagsOfResource",
      ]
      write = [
        "dynamodb:CreateTable", "dynamodb:DeleteTable", "dynamodb:TagResource", "dynamodb:UntagResource",
        "dynamodb:UpdateContinuousBackups", "dynamodb:UpdateTable", "dynamodb:UpdateTimeToLive",
      ]
    }
    Functions = {
      resources = ["${local.arn.lambda}:function:${var.environment}-*"]
      read = [
        "lambda:GetFunction", "lambda:GetFunctionCodeSigningConfig", "lambda:GetFunctionConfiguration",
        "lambda:GetPolicy", "lambda:ListTags", "lambda:ListVersionsByFunction",
      ]
      write = [
        "lambda:AddPermission", "lambda:CreateFunction", "lambda:DeleteFunction", "lambda:DeleteFunctionConcurrency",
        "lambda:PutFunctionConcurrency", "lambda:RemovePermission", "lambda:TagResource", "lambda:UntagResource",
        "lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration",
      ]
    }
    LogGroups = {
      resources = local.log_group_arns
      read      = ["logs:ListTagsForResource"]
      write = [
        "logs:AssociateKmsKey", "logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:DeleteRetentionPolicy",
        "logs:DisassociateKmsKey", "logs:PutRetentionPolicy",
        "logs:TagResource", "logs:UntagResource",
      ]
    }
    Topics = {
      resources = ["${local.arn.sns}:${var.environment}-*"]
      read      = ["sns:GetTopicAttributes", "sns:ListTagsForResource"]
      write = [
        "sns:CreateTopic", "sns:DeleteTopic", "sns:SetTopicAttributes", "sns:Subscribe", "sns:TagResource",
        "sns:UntagResource",
      ]
    }
    Alarms = {
      resources = ["${local.cloudwatch_arn}:alarm:${var.environment}-*", local.dashboard_arn]
      read      = ["cloudwatch:GetDashboard", "cloudwatch:ListTagsForResource"]
      write = [
        "cloudwatch:DeleteAlarms", "cloudwatch:DeleteDashboards", "cloudwatch:PutDashboard",
        "cloudwatch:PutMetricAlarm", "cloudwatch:TagResource", "cloudwatch:UntagResource",
      ]
    }
    Roles = {
      resources = [local.role_arn]
      read = [
        "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListInstanceProfilesForRole",
        "iam:ListRolePolicies",
      ]
      write = ["iam:DeleteRole", "iam:TagRole", "iam:UntagRole"]
    }
    Budgets = {
      resources = ["arn:${local.partition}:budgets::${local.account_id}:budget/${var.environment}-*"]
      read      = ["budgets:ListTagsForResource", "budgets:ViewBudget"]
      write     = ["budgets:ModifyBudget", "budgets:TagResource", "budgets:UntagResource"]
    }
  }

  # AWS makes up the ids of APIs, so that no name is in the ARN; a tag takes its place:
  # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonapigatewaymanagementv2.html
  apis_arn     = "arn:${local.partition}:apigateway:${var.region}::/apis"
  api_tags_arn = "arn:${local.partition}:apigateway:${var.region}::/tags/*"
}

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

  statement {
    sid = "WriteTaggedKeys"
    actions = [
      "kms:CreateAlias", "kms:DeleteAlias", "kms:DisableKeyRotation", "kms:EnableKeyRotation", "kms:PutKeyPolicy",
      "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UpdateAlias", "kms:UpdateKeyDescription",
    ]
    resources = ["${local.arn.kms}:key/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/Environment"
      values   = [var.environment]
    }
  }

  # With a customer's key, AWS asks for these of whoever makes a table or a function, or writes to one.
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
    sid       = "MakeMetricsToken"
    actions   = ["ssm:GetParameter", "ssm:PutParameter"]
    resources = ["${local.arn.ssm}:parameter/${var.environment}/metrics-token"]
  }

  # What the post-deploy test does: it seeds products of its own, orders them, and looks what became of it.
  statement {
    sid       = "SendOrders"
    actions   = ["events:PutEvents"]
    resources = ["${local.arn.events}:event-bus/${var.environment}-order-bus"]
  }

  statement {
    sid       = "SeedAndReadTables"
    actions   = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:Scan", "dynamodb:UpdateItem"]
    resources = ["${local.arn.dynamodb}:table/${var.environment}-*"]
  }

  statement {
    sid       = "ReadLogs"
    actions   = ["logs:FilterLogEvents"]
    resources = local.log_group_arns
  }
}

# A function's own role allows less, and each need of one is in here: a test compares them.
data "aws_iam_policy_document" "boundary" {
  statement {
    sid = "UseTables"
    actions = [
      "dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:DescribeStream", "dynamodb:GetItem",
      "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams", "dynamodb:PartiQLInsert",
      "dynamodb:PutItem", "dynamodb:Query", "dynamodb:Scan", "dynamodb:UpdateItem",
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

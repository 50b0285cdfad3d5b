# What the two roles may do: what infra/modules/pulsequeue needs, on what bears the environment's name.
locals {
  arn = {
    for service in ["cognito-idp", "dynamodb", "events", "kms", "lambda", "logs", "sns", "sqs", "ssm"] :
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
        "lambda:GetFunctionEventInvokeConfig", "lambda:GetPolicy", "lambda:ListTags", "lambda:ListVersionsByFunction",
      ]
      write = [
        "lambda:AddPermission", "lambda:CreateFunction", "lambda:DeleteFunction", "lambda:DeleteFunctionConcurrency",
        "lambda:DeleteFunctionEventInvokeConfig", "lambda:PutFunctionConcurrency",
        "lambda:PutFunctionEventInvokeConfig", "lambda:RemovePermission", "lambda:TagResource", "lambda:UntagResource",
        "lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration", "lambda:UpdateFunctionEventInvokeConfig",
      ]
    }
    LogGroups = {
      resources = local.log_group_arns
      read      = ["logs:ListTagsForResource"]
      write = [
        "logs:AssociateKmsKey", "logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:DeleteRetentionPolicy",
        "logs:DisassociateKmsKey", "logs:FilterLogEvents", "logs:PutRetentionPolicy",
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
  # And those of user pools.
  pools_arn = "${local.arn.cognito-idp}:userpool/*"
}

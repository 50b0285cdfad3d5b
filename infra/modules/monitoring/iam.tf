data "aws_iam_policy_document" "assume_role" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.this.account_id]
    }
  }
}

# What ECS itself does before the servers run.
data "aws_iam_policy_document" "execution" {
  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this.arn}:*"]
  }

  statement {
    sid     = "HandOverSecrets"
    actions = ["ssm:GetParameters"]
    resources = concat(
      [for secret in values(local.secret_files) : secret.parameter_arn],
      [var.grafana_admin_password_parameter_arn],
    )
  }
}

resource "aws_iam_role" "execution" {
  name               = "${local.name}-execution"
  assume_role_policy = data.aws_iam_policy_document.assume_role.json
}

resource "aws_iam_role_policy" "execution" {
  name   = "${local.name}-execution"
  role   = aws_iam_role.execution.name
  policy = data.aws_iam_policy_document.execution.json
}

# What runs in the task may do.
data "aws_iam_policy_document" "task" {
  statement {
    sid       = "ListConfiguration"
    actions   = ["s3:ListBucket"]
    resources = [module.bundle_bucket.bucket_arn]
  }

  statement {
    sid       = "FetchConfiguration"
    actions   = ["s3:GetObject"]
    resources = ["${module.bundle_bucket.bucket_arn}/*"]
  }

  dynamic "statement" {
    for_each = var.kms_key_arn[*]

    content {
      sid       = "ReadConfiguration"
      actions   = ["kms:Decrypt"]
      resources = [statement.value]
    }
  }

  # Session Manager's channels are no resources that a policy could name:
  # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsessionmanagermessagegatewayservice.html
  statement {
    sid = "ForwardPorts"
    actions = [
      "ssmmessages:CreateControlChannel",
      "ssmmessages:CreateDataChannel",
      "ssmmessages:OpenControlChannel",
      "ssmmessages:OpenDataChannel",
    ]
    resources = ["*"]
  }
}

resource "aws_iam_role" "task" {
  name               = "${local.name}-task"
  assume_role_policy = data.aws_iam_policy_document.assume_role.json
}

resource "aws_iam_role_policy" "task" {
  name   = "${local.name}-task"
  role   = aws_iam_role.task.name
  policy = data.aws_iam_policy_document.task.json
}

data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

data "aws_region" "this" {}

locals {
  account_id = data.aws_caller_identity.this.account_id

  # Who may publish, and so use the topic's key: the service, in whose name.
  publishers = {
    "cloudwatch.amazonaws.com" = ["arn:${data.aws_partition.this.partition}:cloudwatch:${data.aws_region.this.name}:${local.account_id}:alarm:${var.environment}-*"]
  }
}

# AWS's own key for SNS does not admit CloudWatch, and alarms would be lost without a word:
# https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
module "key" {
  source = "../kms-key"

  name                 = "${var.environment}-alarms"
  description          = "Encrypts the alarms of ${var.environment} on their topic."
  service_source_arns  = local.publishers
  deletion_window_days = 7
}

resource "aws_sns_topic" "alarms" {
  name              = "${var.environment}-alarms"
  kms_master_key_id = module.key.key_arn
}

data "aws_iam_policy_document" "topic" {
  for_each = merge({ alarms = aws_sns_topic.alarms.arn }, { for topic in aws_sns_topic.mail : "mail" => topic.arn })

  statement {
    sid       = "DenyPlainHttp"
    effect    = "Deny"
    actions   = ["sns:Publish"]
    resources = [each.value]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }

    # Only the embedded AWS is reached from its own host, and it has no TLS. On AWS no request comes from there.
    condition {
      test     = "NotIpAddress"
      variable = "aws:SourceIp"
      values   = ["127.0.0.0/8"]
    }
  }

  dynamic "statement" {
    for_each = local.publishers

    content {
      sid       = "Admit${title(split(".", statement.key)[0])}"
      actions   = ["sns:Publish"]
      resources = [each.value]

      principals {
        type        = "Service"
        identifiers = [statement.key]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [local.account_id]
      }

      condition {
        test     = "ArnLike"
        variable = "aws:SourceArn"
        values   = statement.value
      }
    }
  }
}

resource "aws_sns_topic_policy" "alarms" {
  arn    = aws_sns_topic.alarms.arn
  policy = data.aws_iam_policy_document.topic["alarms"].json
}

locals {
  senders = [
    { sid = "AdmitRules", service = "events.amazonaws.com", arns = var.rule_arns },
    { sid = "AdmitTopics", service = "sns.amazonaws.com", arns = var.topic_arns },
    { sid = "AdmitBuses", service = "events.amazonaws.com", arns = var.bus_arns },
  ]
}

data "aws_iam_policy_document" "this" {
  statement {
    sid       = "DenyPlainHttp"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [var.queue_arn]

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
    for_each = { for sender in local.senders : sender.sid => sender if length(sender.arns) > 0 }

    content {
      sid       = statement.value.sid
      actions   = ["sqs:SendMessage"]
      resources = [var.queue_arn]

      principals {
        type        = "Service"
        identifiers = [statement.value.service]
      }

      condition {
        test     = "ArnEquals"
        variable = "aws:SourceArn"
        values   = statement.value.arns
      }
    }
  }
}

resource "aws_sqs_queue_policy" "this" {
  queue_url = var.queue_url
  policy    = data.aws_iam_policy_document.this.json
}

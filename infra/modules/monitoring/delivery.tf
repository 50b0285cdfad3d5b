# The servers' configuration, which the task fetches when it starts.
locals {
  # What the servers read; tests of the rules, say, stay here.
  bundle_files = toset(flatten([
    for pattern in [
      "prometheus/prometheus.yml",
      "prometheus/rules/*.yml",
      "alertmanager/**",
      "grafana/provisioning/**",
      "grafana/dashboards/*.json",
    ] : fileset(var.bundle_dir, pattern)
  ]))

  target = jsonencode([{
    targets = [var.metrics_endpoint.host]
    labels = {
      environment      = var.environment
      __scheme__       = "https"
      __metrics_path__ = var.metrics_endpoint.path
    }
  }])

  bundle_hash = sha256(join("", concat([local.target], [for file in sort(local.bundle_files) : "${file} ${filesha256("${var.bundle_dir}/${file}")}"])))
}

resource "aws_s3_bucket" "bundle" {
  bucket        = "pulsequeue-${local.name}-${data.aws_caller_identity.this.account_id}"
  force_destroy = true # all in it comes from the repository
}

resource "aws_s3_bucket_server_side_encryption_configuration" "bundle" {
  bucket = aws_s3_bucket.bundle.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_public_access_block" "bundle" {
  bucket = aws_s3_bucket.bundle.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "bundle" {
  bucket = aws_s3_bucket.bundle.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

data "aws_iam_policy_document" "tls_only" {
  statement {
    sid       = "DenyPlainHttp"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.bundle.arn, "${aws_s3_bucket.bundle.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "bundle" {
  bucket = aws_s3_bucket.bundle.id
  policy = data.aws_iam_policy_document.tls_only.json
}

resource "aws_s3_object" "bundle" {
  for_each = local.bundle_files

  bucket      = aws_s3_bucket.bundle.id
  key         = each.value
  source      = "${var.bundle_dir}/${each.value}"
  source_hash = filesha256("${var.bundle_dir}/${each.value}")
}

resource "aws_s3_object" "target" {
  bucket  = aws_s3_bucket.bundle.id
  key     = "prometheus/targets/metrics.json"
  content = local.target
}

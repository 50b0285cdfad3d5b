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

  rules = {
    for file in local.bundle_files : file => replace(file("${var.bundle_dir}/${file}"), "docs/runbook.md#", "${var.runbook_url}#")
    if startswith(file, "prometheus/rules/")
  }

  target = jsonencode([{
    targets = [var.metrics_endpoint.host]
    labels = {
      environment      = var.environment
      __scheme__       = "https"
      __metrics_path__ = var.metrics_endpoint.path
    }
  }])

  bundle_hash = sha256(join("", concat([local.target, jsonencode(local.rules)], [for file in sort(local.bundle_files) : "${file} ${filesha256("${var.bundle_dir}/${file}")}"])))
}

module "bundle_bucket" {
  source = "../s3/private-bucket"

  name          = "pulsequeue-${local.name}-${data.aws_caller_identity.this.account_id}"
  force_destroy = true # all in it comes from the repository
  kms_key_arn   = var.kms_key_arn
}

resource "aws_s3_object" "bundle" {
  for_each = local.bundle_files

  bucket      = module.bundle_bucket.bucket_name
  key         = each.value
  content     = lookup(local.rules, each.value, null)
  source      = contains(keys(local.rules), each.value) ? null : "${var.bundle_dir}/${each.value}"
  source_hash = filesha256("${var.bundle_dir}/${each.value}")
}

resource "aws_s3_object" "target" {
  bucket  = module.bundle_bucket.bucket_name
  key     = "prometheus/targets/metrics.json"
  content = local.target
}

module "order_system" {
  source = "../../modules/order-system"

  environment            = "prod"
  region                 = var.region
  packages_dir           = var.packages_dir
  deletion_protection    = true
  maximum_concurrency    = 10
  archive_retention_days = 365
  log_retention_days     = 365
  customer_key           = false # true: a KMS key of your own, see docs/security.md
  budget                 = null  # { limit_usd = 100, emails = ["you@example.org"] } tells when a month costs more

  scrapes_expected   = var.scrapes_expected
  monitoring_enabled = var.monitoring_enabled
  alert_channels     = var.alert_channels
  alarm_email        = var.alarm_email
  runbook_url        = var.runbook_url

  permissions_boundary_arn = var.permissions_boundary_arn
}

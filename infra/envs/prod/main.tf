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
  # An alarm rings if no Prometheus reads the metrics.
  scrapes_expected = true

  permissions_boundary_arn = var.permissions_boundary_arn
}

# Production. customer_key = true, a key of your own, and budget = { limit_usd = 100, emails = ["you@example.org"] } go here too.
locals {
  settings = {
    deletion_protection    = true
    maximum_concurrency    = 10
    archive_retention_days = 365
    log_retention_days     = 365
  }
}

module "pulsequeue" {
  source = "../../modules/pulsequeue"

  environment              = "prod"
  region                   = var.region
  packages_dir             = var.packages_dir
  permissions_boundary_arn = var.permissions_boundary_arn
  settings                 = local.settings
}

# As production, for the last tests before it: it keeps less for less long, and may be taken down.
locals {
  settings = {
    deletion_protection    = false
    maximum_concurrency    = 10
    archive_retention_days = 30
    log_retention_days     = 30
  }
}

module "pulsequeue" {
  source = "../../modules/pulsequeue"

  environment              = "staging"
  region                   = var.region
  packages_dir             = var.packages_dir
  permissions_boundary_arn = var.permissions_boundary_arn
  settings                 = local.settings
}

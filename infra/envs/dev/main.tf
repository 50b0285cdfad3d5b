# For development: short-lived, unprotected, and a test may say how a payment ends. Each other setting may be given for a while.
locals {
  # A parcel takes about two minutes.
  quick = { carrier_speed = 1440, tracking_interval_seconds = 60 }

  settings = merge(local.quick, var.settings, {
    deletion_protection         = false
    allow_forced_payment_result = true
  })
}

module "pulsequeue" {
  source = "../../modules/pulsequeue"

  environment              = var.environment
  region                   = var.region
  packages_dir             = var.packages_dir
  permissions_boundary_arn = var.permissions_boundary_arn
  settings                 = local.settings
}

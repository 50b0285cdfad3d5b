# For development: short-lived, unprotected, and a test may say how a payment ends. Each variable may be set for a while.
module "order_system" {
  source = "../../modules/order-system"

  environment                 = var.environment
  region                      = var.region
  packages_dir                = var.packages_dir
  deletion_protection         = false
  allow_forced_payment_result = true

  log_level                      = var.log_level
  memory_mb                      = var.memory_mb
  function_timeout_seconds       = var.function_timeout_seconds
  payment_timeout_seconds        = var.payment_timeout_seconds
  payment_success_rate           = var.payment_success_rate
  batch_size                     = var.batch_size
  batching_window_seconds        = var.batching_window_seconds
  maximum_concurrency            = var.maximum_concurrency
  archive_retention_days         = var.archive_retention_days
  log_retention_days             = var.log_retention_days
  metrics_refresh_seconds        = var.metrics_refresh_seconds
  scrapes_expected               = var.scrapes_expected
  monitoring_enabled             = var.monitoring_enabled
  monitoring_allowed_cidr_blocks = var.monitoring_allowed_cidr_blocks
  alert_channels                 = var.alert_channels
  alarm_email                    = var.alarm_email
  runbook_url                    = var.runbook_url
  permissions_boundary_arn       = var.permissions_boundary_arn
  customer_key                   = var.customer_key
  budget                         = var.budget
}

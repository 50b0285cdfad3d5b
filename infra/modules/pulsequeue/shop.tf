# The front door: one API for customers, staff and carriers. Each service adds its routes.
module "shop_api" {
  source = "../api-gateway"

  name                = "${var.environment}-shop-api"
  description         = "What customers, staff and carriers call."
  stage_name          = var.environment
  requests_per_second = var.settings.shop_requests_per_second
  burst_requests      = var.settings.shop_burst_requests
  cors_origins        = var.settings.cors_origins
  authorizer          = { issuer = module.user_pool.issuer, client_ids = [module.user_pool.client_id] }
  log_retention_days  = var.settings.log_retention_days
  kms_key_arn         = local.kms_key_arn
}

locals {
  shop_api = module.shop_api
}

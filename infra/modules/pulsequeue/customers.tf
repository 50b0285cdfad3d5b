# Who signs in. Each access token says whose it is by our own id, and whether they are of the staff.
module "customer_service" {
  source = "../service"
  system = local.system
  name   = "customer-service"

  trigger = {}
}

module "user_pool" {
  source = "../cognito"

  name                 = "${var.environment}-customers"
  trigger              = module.customer_service.trigger
  groups               = { staff = "May change products, prices and stock, and take goods back." }
  mfa                  = var.settings.mfa
  access_token_minutes = var.settings.access_token_minutes
  deletion_protection  = var.settings.deletion_protection
}

# What there is to buy.
module "catalog_service" {
  source = "../service"
  system = local.system
  name   = "catalog-service"

  serves = {
    api    = local.shop_api
    public = ["GET /v1/health"]
  }
}

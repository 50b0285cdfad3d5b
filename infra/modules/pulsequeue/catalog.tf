# What there is to buy, and at what price: everyone reads it, staff changes it.
module "catalog_service" {
  source = "../service"
  system = local.system
  name   = "catalog-service"

  serves = {
    api = local.shop_api
    public = [
      "GET /v1/health",
      "GET /v1/categories",
      "GET /v1/categories/{categoryId}",
      "GET /v1/products",
      "GET /v1/products/{sku}",
    ]
    signed_in = [
      "POST /v1/categories",
      "POST /v1/products",
      "PATCH /v1/products/{sku}",
      "PUT /v1/products/{sku}/stock",
    ]
  }

  commits = { store = local.store, count = false, move_stock = true }

  api_told = { CURSOR_SECRET_PARAMETER = local.parameters.cursor_secret.name }

  api_may = {
    ReadStock  = { actions = ["dynamodb:BatchGetItem"], resources = [local.store.inventory.table_arn] }
    ReadEvents = { actions = ["dynamodb:BatchGetItem", "dynamodb:Query"], resources = [local.store.event_store.table_arn] }
    List = {
      actions   = ["dynamodb:Query"]
      resources = concat(values(local.store.inventory.index_arns), [local.store.event_store.index_arns["categories"]])
    }
    ReadCursorSecret = { actions = ["ssm:GetParameter"], resources = [local.parameters.cursor_secret.arn] }
  }
}

# A customer's cart is filled and checked out by routes; a cart that is left alone is cleared once its deadline has passed.
module "cart_service" {
  source = "../service"
  system = local.system
  name   = "cart-service"

  owns = ["cart"]
  listens_to = {
    customer-gone = { bus = local.bus.shop, events = ["CustomerErased"] }
  }

  serves = {
    api = local.shop_api
    signed_in = [
      "GET /v1/cart",
      "DELETE /v1/cart",
      "POST /v1/cart/items",
      "PUT /v1/cart/items/{sku}",
      "DELETE /v1/cart/items/{sku}",
      "POST /v1/cart/checkout",
    ]
  }

  commits = { store = local.store, have_deadlines = true, count = false, of_customers = true }

  told     = { CART_ABANDONED_AFTER_HOURS = var.settings.cart_abandoned_after_hours }
  api_told = { CART_ABANDONED_AFTER_HOURS = var.settings.cart_abandoned_after_hours }

  may = {
    ReadEvents = { actions = ["dynamodb:Query"], resources = [local.store.event_store.table_arn] }
  }

  api_may = {
    ReadStock  = { actions = ["dynamodb:BatchGetItem"], resources = [local.store.inventory.table_arn] }
    ReadEvents = { actions = ["dynamodb:Query"], resources = [local.store.event_store.table_arn] }
  }
}

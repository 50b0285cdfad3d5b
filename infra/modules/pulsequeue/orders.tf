# An order reserves its stock, waits for its payment, and is confirmed or cancelled; it follows its parcels, and takes goods back.
module "order_service" {
  source = "../service"
  system = local.system
  name   = "order-service"

  listens_to = {
    order-placed    = { bus = local.bus.order, events = ["OrderPlaced"] }
    payment-settled = { bus = local.bus.payment, events = ["PaymentProcessed", "PaymentFailed"] }
    parcel-tracked  = { bus = local.bus.fulfilment, events = ["ShipmentTracked", "ShipmentDelivered"] }
  }

  serves = {
    api = local.shop_api
    signed_in = [
      "GET /v1/orders/{orderId}",
      "POST /v1/orders/{orderId}/cancellation",
      "POST /v1/orders/{orderId}/returns",
      "POST /v1/orders/{orderId}/returns/{returnId}/receipt",
    ]
  }

  commits = { store = local.store, move_stock = true, have_deadlines = true }
  owns    = ["order"]

  told = {
    PAYMENT_TIMEOUT_SECONDS     = var.settings.payment_timeout_seconds
    ALLOW_FORCED_PAYMENT_RESULT = var.settings.allow_forced_payment_result
    RETURN_WINDOW_DAYS          = var.settings.return_window_days
    RETURN_ARRIVAL_DAYS         = var.settings.return_arrival_days
  }

  may = {
    ReadStock    = { actions = ["dynamodb:BatchGetItem"], resources = [local.store.inventory.table_arn] }
    ReadEvents   = { actions = ["dynamodb:BatchGetItem", "dynamodb:Query"], resources = [local.store.event_store.table_arn] }
    InsertEvents = { actions = ["dynamodb:PartiQLInsert"], resources = [local.store.event_store.table_arn] }
  }

  api_told = {
    RETURN_WINDOW_DAYS  = var.settings.return_window_days
    RETURN_ARRIVAL_DAYS = var.settings.return_arrival_days
  }

  api_may = {
    ReadEvents = { actions = ["dynamodb:BatchGetItem", "dynamodb:Query"], resources = [local.store.event_store.table_arn] }
  }
}

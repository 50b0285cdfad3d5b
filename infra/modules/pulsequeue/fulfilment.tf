# A confirmed order becomes parcels, one per warehouse, which are booked with the carrier and tracked until their end.
module "fulfilment_service" {
  source = "../service"
  system = local.system
  name   = "fulfilment-service"

  listens_to = {
    order-confirmed  = { bus = local.bus.order, events = ["OrderConfirmed"] }
    shipment-created = { bus = local.bus.fulfilment, events = ["ShipmentCreated"] }
  }

  # A carrier has no token: it signs its messages.
  serves = { api = local.shop_api, public = ["POST /v1/carrier-events"] }

  commits = { store = local.store, have_deadlines = true }
  owns    = ["shipment"]

  told = {
    CARRIER_SPEED             = var.settings.carrier_speed
    CARRIER_LOST_SHARE        = var.settings.carrier_lost_share
    CARRIER_RETURNED_SHARE    = var.settings.carrier_returned_share
    CARRIER_FAULT_RATE        = var.settings.carrier_fault_rate
    TRACKING_INTERVAL_SECONDS = var.settings.tracking_interval_seconds
  }

  may = {
    ReadStock  = { actions = ["dynamodb:BatchGetItem"], resources = [local.store.inventory.table_arn] }
    ReadEvents = { actions = ["dynamodb:Query"], resources = [local.store.event_store.table_arn] }
  }

  api_told = {
    TRACKING_INTERVAL_SECONDS = var.settings.tracking_interval_seconds
    CARRIER_SECRET_PARAMETER  = local.parameters.carrier_secret.name
  }

  api_may = {
    ReadEvents = { actions = ["dynamodb:Query"], resources = [local.store.event_store.table_arn] }
    ReadSecret = { actions = ["ssm:GetParameter"], resources = [local.parameters.carrier_secret.arn] }
  }
}

# Customers ask and rate, staff answer. Every text is sealed under the customer's key.
module "support_service" {
  source = "../service"
  system = local.system
  name   = "support-service"

  listens_to = {
    tickets-orphaned = { bus = local.bus.shop, events = ["CustomerErased"] }
  }

  serves = {
    api = local.shop_api
    signed_in = [
      "GET /v1/tickets",
      "POST /v1/tickets",
      "GET /v1/tickets/{ticketId}",
      "POST /v1/tickets/{ticketId}/resolution",
      "POST /v1/tickets/{ticketId}/reopening",
      "POST /v1/tickets/{ticketId}/closure",
      "GET /v1/orders/{orderId}/feedback",
      "POST /v1/orders/{orderId}/feedback",
    ]
  }

  commits = { store = local.store, of_customers = true }

  api_told = {
    WRAPPING_KEY_ARN        = module.wrapping_key.key_arn
    CURSOR_SECRET_PARAMETER = local.parameters.cursor_secret.name
  }

  may = {
    ReadEvents  = { actions = ["dynamodb:BatchGetItem", "dynamodb:Query"], resources = [local.store.event_store.table_arn] }
    ListTickets = { actions = ["dynamodb:Query"], resources = [local.store.event_store.index_arns["tickets-by-customer"]] }
  }

  api_may = merge(local.open_keys, {
    ReadEvents       = { actions = ["dynamodb:BatchGetItem", "dynamodb:Query"], resources = [local.store.event_store.table_arn] }
    ListTickets      = { actions = ["dynamodb:Query"], resources = [for index in ["tickets", "tickets-by-customer"] : local.store.event_store.index_arns[index]] }
    ReadCursorSecret = { actions = ["ssm:GetParameter"], resources = [local.parameters.cursor_secret.arn] }
  })
}

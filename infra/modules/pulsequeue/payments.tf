# What is asked of the gateway: a charge, which settles the reservation or releases it, or a refund.
module "payment_service" {
  source = "../service"
  system = local.system
  name   = "payment-service"

  listens_to = {
    payment-requested = { bus = local.bus.payment, events = ["PaymentRequested", "RefundRequested"] }
  }

  commits = { store = local.store, move_stock = true }

  told = {
    GATEWAY_TABLE        = module.simulated_gateway_table.table_name
    PAYMENT_SUCCESS_RATE = var.settings.payment_success_rate
    REFUND_FAILURE_RATE  = var.settings.refund_failure_rate
    GATEWAY_FAULT_RATE   = var.settings.gateway_fault_rate
  }

  may = {
    ReadEvents = { actions = ["dynamodb:BatchGetItem", "dynamodb:Query"], resources = [local.store.event_store.table_arn] }
    Charge     = { actions = ["dynamodb:UpdateItem"], resources = [module.simulated_gateway_table.table_arn] }
  }
}

module "simulated_gateway_table" {
  source = "../dynamodb/table"

  name                = "${var.environment}-simulated-gateway-table"
  hash_key            = { name = "order_id", type = "S" }
  deletion_protection = var.settings.deletion_protection
  kms_key_arn         = local.kms_key_arn
}

# What is committed to the event store, the relay publishes: each event to the bus of its context.
module "event_store_table" {
  source = "../dynamodb/table"

  name                = "${var.environment}-event-store-table"
  hash_key            = { name = "stream_id", type = "S" }
  range_key           = { name = "version", type = "N" }
  stream_enabled      = true
  deletion_protection = var.settings.deletion_protection
  kms_key_arn         = local.kms_key_arn

  # Only the commits of categories have this key, so no other commit writes to the index.
  indexes = {
    categories = {
      hash_key  = { name = "category_parent", type = "S" }
      range_key = { name = "stream_id", type = "S" }
      includes  = ["body"]
    }
    # As sparse: the first commit of a ticket has these keys.
    tickets = {
      hash_key  = { name = "ticket_list", type = "S" }
      range_key = { name = "committed_at", type = "S" }
      includes  = ["events"]
    }
    tickets-by-customer = {
      hash_key  = { name = "ticket_customer", type = "S" }
      range_key = { name = "committed_at", type = "S" }
      includes  = ["events"]
    }
  }
}

module "event_relay" {
  source = "../service"
  system = local.system
  name   = "event-relay"

  stream = { arn = module.event_store_table.stream_arn, dead_letters = "relay" }

  told = { BUS_NAMES = jsonencode({ for context, bus in local.bus : context => bus.name }) }

  may = {
    for context, bus in local.bus : "Publish${title(context)}Events" => {
      actions   = ["events:PutEvents"]
      resources = [module.bus[context].bus_arn]
      # A call may have many sources. The embedded AWS fills in none, and ForAllValues holds for none too.
      conditions = [{ test = "ForAllValues:StringEquals", variable = "events:source", values = [bus.source] }]
    }
  }
}

module "bus" {
  source   = "../eventbridge/bus"
  for_each = toset(["order", "payment", "fulfilment", "shop"])

  name                   = "${var.environment}-${each.key}-bus"
  archive_retention_days = var.settings.archive_retention_days
  kms_key_arn            = local.kms_key_arn
  dead_letter_queue_arn  = var.settings.customer_key ? module.bus_dead_letter_queue[0].queue_arn : null
}

locals {
  bus = { for context, bus in module.bus : context => { name = bus.bus_name, source = "${context}.service" } }

  # What a commit is written to: the log, and what follows from it in the same transaction.
  store = {
    event_store = module.event_store_table
    inventory   = module.inventory_table
    metrics     = module.metrics_table
    deadline    = module.deadline_table
    keys        = module.customer_key_table
  }
}

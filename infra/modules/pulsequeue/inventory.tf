# What there is of each SKU, what of it is reserved, and what it costs.
module "inventory_table" {
  source = "../dynamodb/table"

  name                = "${var.environment}-inventory-table"
  hash_key            = { name = "item_id", type = "S" }
  deletion_protection = var.settings.deletion_protection
  kms_key_arn         = local.kms_key_arn

  # The catalogue's lists. They hold nothing that an order changes: a reservation writes no index.
  indexes = {
    by-category = {
      hash_key  = { name = "category_id", type = "S" }
      range_key = { name = "name_key", type = "S" }
      includes  = ["name", "price_minor", "currency"]
    }
    by-name = {
      hash_key  = { name = "listed", type = "S" }
      range_key = { name = "name_key", type = "S" }
      includes  = ["name", "price_minor", "currency", "category_id"]
    }
  }
}

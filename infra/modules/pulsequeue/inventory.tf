# What there is of each SKU, what of it is reserved, and what it costs.
module "inventory_table" {
  source = "../dynamodb/table"

  name                = "${var.environment}-inventory-table"
  hash_key            = { name = "item_id", type = "S" }
  deletion_protection = var.settings.deletion_protection
  kms_key_arn         = local.kms_key_arn
}

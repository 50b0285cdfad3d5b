# Who signs in. Each access token says whose it is by our own id, and whether they are of the staff.
module "customer_service" {
  source = "../service"
  system = local.system
  name   = "customer-service"

  listens_to = {
    customer-erased = { bus = local.bus.shop, events = ["CustomerErased"] }
  }

  serves = {
    api       = local.shop_api
    signed_in = ["GET /v1/me", "PATCH /v1/me", "DELETE /v1/me"]
  }

  commits = { store = local.store, of_customers = true, by_handler = false }

  told     = { CUSTOMER_KEY_TABLE = module.customer_key_table.table_name, USER_POOL_ID = module.user_pool.pool_id }
  api_told = { WRAPPING_KEY_ARN = module.wrapping_key.key_arn }

  may = {
    FindErased = { actions = ["dynamodb:GetItem", "dynamodb:UpdateItem"], resources = [module.customer_key_table.table_arn] }
    RemoveUser = { actions = ["cognito-idp:AdminDeleteUser"], resources = [module.user_pool.pool_arn] }
  }

  api_may = merge(local.open_keys, {
    ReadEvents  = { actions = ["dynamodb:Query"], resources = [local.store.event_store.table_arn] }
    DestroyKeys = { actions = ["dynamodb:UpdateItem"], resources = [module.customer_key_table.table_arn] }
  })

  trigger = {
    told = { WRAPPING_KEY_ARN = module.wrapping_key.key_arn }
    may = merge(local.open_keys, {
      ReadEvents = { actions = ["dynamodb:Query"], resources = [local.store.event_store.table_arn] }
    })
  }
}

locals {
  # To make a customer's key and to open it. KMS is asked in the name of a customer, or refuses.
  open_keys = {
    KeepKeys = { actions = ["dynamodb:GetItem", "dynamodb:PutItem"], resources = [module.customer_key_table.table_arn] }
    WrapAndUnwrap = {
      actions    = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources  = [module.wrapping_key.key_arn]
      conditions = [{ test = "ForAnyValue:StringEquals", variable = "kms:EncryptionContextKeys", values = ["customer_id"] }]
    }
  }
}

# Each customer's key, wrapped. A key that is destroyed must not come back: there is no recovery, and no backup has it.
module "customer_key_table" {
  #checkov:skip=CKV_AWS_28:A key that is destroyed must not come back
  source = "../dynamodb/table"

  name                   = "${var.environment}-customer-key-table"
  hash_key               = { name = "customer_id", type = "S" }
  point_in_time_recovery = false
  deletion_protection    = var.settings.deletion_protection
  kms_key_arn            = local.kms_key_arn
}

module "wrapping_key" {
  source = "../kms-key"

  name        = "${var.environment}-customer-keys"
  description = "Wraps the keys of the customers of ${var.environment}."
}

module "user_pool" {
  source = "../cognito"

  name                 = "${var.environment}-customers"
  trigger              = module.customer_service.trigger
  groups               = { staff = "May change products, prices and stock, and take goods back." }
  mfa                  = var.settings.mfa
  access_token_minutes = var.settings.access_token_minutes
  deletion_protection  = var.settings.deletion_protection
}

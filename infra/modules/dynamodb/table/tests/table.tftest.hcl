mock_provider "aws" {}

variables {
  name     = "dev-orders"
  hash_key = { name = "order_id", type = "S" }
}

run "every_table_is_on_demand_recoverable_encrypted_and_protected_and_keeps_its_items" {
  command = plan

  assert {
    condition     = aws_dynamodb_table.this.billing_mode == "PAY_PER_REQUEST"
    error_message = "The table is not on demand."
  }

  assert {
    condition     = aws_dynamodb_table.this.point_in_time_recovery[0].enabled
    error_message = "The table has no point-in-time recovery."
  }

  assert {
    condition     = aws_dynamodb_table.this.server_side_encryption[0].enabled
    error_message = "The table is not encrypted."
  }

  assert {
    condition     = aws_dynamodb_table.this.deletion_protection_enabled
    error_message = "The table is not protected from deletion by default."
  }

  assert {
    condition     = !aws_dynamodb_table.this.stream_enabled && output.stream_arn == null
    error_message = "The table has a stream nobody asked for."
  }

  assert {
    condition     = length(aws_dynamodb_table.this.ttl) == 0
    error_message = "Items may be removed that nobody asked to end."
  }
}

run "stream_range_key_end_of_items_and_customer_key_are_there_when_asked_for" {
  command = plan

  variables {
    stream_enabled = true
    range_key      = { name = "version", type = "N" }
    ttl_attribute  = "expires_at"
    kms_key_arn    = "arn:aws:kms:eu-west-2:123456789012:key/some-key"
  }

  assert {
    condition     = aws_dynamodb_table.this.stream_view_type == "NEW_IMAGE"
    error_message = "The stream does not carry new images."
  }

  assert {
    condition     = { for attribute in aws_dynamodb_table.this.attribute : attribute.name => attribute.type } == { order_id = "S", version = "N" }
    error_message = "The declared attributes are not exactly the keys."
  }

  assert {
    condition     = one(aws_dynamodb_table.this.ttl).attribute_name == "expires_at" && one(aws_dynamodb_table.this.ttl).enabled
    error_message = "Items stay for ever."
  }

  assert {
    condition     = aws_dynamodb_table.this.server_side_encryption[0].kms_key_arn == var.kms_key_arn
    error_message = "The customer's key is not used."
  }
}

run "a_table_whose_items_must_not_come_back_has_no_recovery_and_all_else" {
  command = plan

  variables {
    point_in_time_recovery = false
  }

  assert {
    condition     = !aws_dynamodb_table.this.point_in_time_recovery[0].enabled
    error_message = "Items that were deleted can be had back."
  }

  assert {
    condition     = aws_dynamodb_table.this.server_side_encryption[0].enabled && aws_dynamodb_table.this.deletion_protection_enabled
    error_message = "The table is not encrypted, or not protected from deletion."
  }
}

run "indexes_have_keys_of_their_own_and_include_what_is_named" {
  command = plan

  variables {
    range_key = { name = "version", type = "N" }
    indexes = {
      by-city = { hash_key = { name = "city", type = "S" }, range_key = { name = "order_id", type = "S" }, includes = ["total"] }
      by-day  = { hash_key = { name = "day", type = "N" }, range_key = { name = "city", type = "S" }, includes = ["total", "note"] }
    }
  }

  assert {
    condition = { for index in aws_dynamodb_table.this.global_secondary_index : index.name => join(" ", [index.hash_key, index.range_key, index.projection_type], sort(index.non_key_attributes)) } == {
      by-city = "city order_id INCLUDE total"
      by-day  = "day city INCLUDE note total"
    }
    error_message = "The indexes are not the declared ones."
  }

  assert {
    condition     = { for attribute in aws_dynamodb_table.this.attribute : attribute.name => attribute.type } == { order_id = "S", version = "N", city = "S", day = "N" }
    error_message = "The declared attributes are not exactly the keys of the table and its indexes."
  }
}

run "bad_inputs_are_refused" {
  command = plan

  variables {
    name          = "no spaces"
    hash_key      = { name = "order_id", type = "STRING" }
    range_key     = { name = "version", type = "NUMBER" }
    ttl_attribute = ""
    indexes = {
      by-city = { hash_key = { name = "city", type = "STRING" }, range_key = { name = "order_id", type = "S" }, includes = [] }
      by-day  = { hash_key = { name = "city", type = "N" }, range_key = { name = "order_id", type = "S" }, includes = ["total"] }
    }
    kms_key_arn = "alias/mine"
  }

  expect_failures = [
    var.name,
    var.hash_key,
    var.range_key,
    var.ttl_attribute,
    var.indexes,
    var.kms_key_arn,
  ]
}

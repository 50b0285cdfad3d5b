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

run "bad_inputs_are_refused" {
  command = plan

  variables {
    name          = "no spaces"
    hash_key      = { name = "order_id", type = "STRING" }
    range_key     = { name = "version", type = "NUMBER" }
    ttl_attribute = ""
    kms_key_arn   = "alias/mine"
  }

  expect_failures = [
    var.name,
    var.hash_key,
    var.range_key,
    var.ttl_attribute,
    var.kms_key_arn,
  ]
}

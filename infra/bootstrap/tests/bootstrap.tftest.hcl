mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = {
      json = "{}"
    }
  }
}

variables {
  prefix = "pulsequeue"
}

run "the_state_is_versioned_encrypted_and_private" {
  command = plan

  assert {
    condition     = output.state_bucket_name == "pulsequeue-terraform-state"
    error_message = "The bucket is not named {prefix}-terraform-state."
  }

  assert {
    condition     = aws_s3_bucket_versioning.state.versioning_configuration[0].status == "Enabled"
    error_message = "An overwritten state cannot be recovered."
  }

  assert {
    condition     = one(aws_s3_bucket_server_side_encryption_configuration.state.rule).apply_server_side_encryption_by_default[0].sse_algorithm == "AES256"
    error_message = "The state is not encrypted."
  }

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.state.block_public_acls,
      aws_s3_bucket_public_access_block.state.block_public_policy,
      aws_s3_bucket_public_access_block.state.ignore_public_acls,
      aws_s3_bucket_public_access_block.state.restrict_public_buckets,
    ])
    error_message = "The state can be made public."
  }
}

run "a_prefix_that_is_no_bucket_name_is_refused" {
  command = plan

  variables {
    prefix = "Pulse_Queue"
  }

  expect_failures = [var.prefix]
}

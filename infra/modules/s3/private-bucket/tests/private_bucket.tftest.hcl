mock_provider "aws" {
  override_during = plan

  mock_data "aws_iam_policy_document" {
    defaults = {
      json = "{}"
    }
  }

  mock_resource "aws_s3_bucket" {
    defaults = {
      arn = "arn:aws:s3:::pulsequeue-terraform-state"
    }
  }
}

variables {
  name = "pulsequeue-terraform-state"
}

run "a_bucket_is_versioned_encrypted_and_private_and_denies_plain_http" {
  command = plan

  assert {
    condition     = aws_s3_bucket.this.bucket == "pulsequeue-terraform-state" && !aws_s3_bucket.this.force_destroy
    error_message = "The bucket has another name, or goes with all that is in it."
  }

  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "An overwritten object cannot be recovered."
  }

  assert {
    condition     = one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default[0].sse_algorithm == "AES256"
    error_message = "The objects are not encrypted."
  }

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.this.block_public_acls,
      aws_s3_bucket_public_access_block.this.block_public_policy,
      aws_s3_bucket_public_access_block.this.ignore_public_acls,
      aws_s3_bucket_public_access_block.this.restrict_public_buckets,
      one(aws_s3_bucket_ownership_controls.this.rule).object_ownership == "BucketOwnerEnforced",
    ])
    error_message = "The bucket can be made public."
  }

  assert {
    condition = (
      one(data.aws_iam_policy_document.tls_only.statement).effect == "Deny" &&
      one(data.aws_iam_policy_document.tls_only.statement).actions == toset(["s3:*"]) &&
      one(data.aws_iam_policy_document.tls_only.statement).resources == toset([output.bucket_arn, "${output.bucket_arn}/*"])
    )
    error_message = "Something is not denied."
  }

  assert {
    condition = (
      one(one(data.aws_iam_policy_document.tls_only.statement).condition).variable == "aws:SecureTransport" &&
      one(one(data.aws_iam_policy_document.tls_only.statement).condition).values == tolist(["false"])
    )
    error_message = "Something else than plain HTTP is denied."
  }
}

run "a_customer_key_encrypts_by_a_key_of_the_bucket" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-west-2:123456789012:key/some-key"
  }

  assert {
    condition = (
      one(aws_s3_bucket_server_side_encryption_configuration.this.rule).bucket_key_enabled &&
      one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default[0].sse_algorithm == "aws:kms" &&
      one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default[0].kms_master_key_id == var.kms_key_arn
    )
    error_message = "The customer's key is not used, or each object asks for it."
  }
}

run "bad_inputs_are_refused" {
  command = plan

  variables {
    name        = "Pulse_Queue"
    kms_key_arn = "alias/mine"
  }

  expect_failures = [
    var.name,
    var.kms_key_arn,
  ]
}

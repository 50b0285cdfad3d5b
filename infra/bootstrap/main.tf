module "state_bucket" {
  source = "../modules/s3/private-bucket"

  name        = "${var.prefix}-terraform-state"
  kms_key_arn = var.kms_key_arn
}

# A module cannot be told to prevent its bucket's end; this can, also where another name would replace the bucket.
resource "terraform_data" "state_bucket_guard" {
  triggers_replace = module.state_bucket.bucket_name

  lifecycle {
    prevent_destroy = true
  }
}

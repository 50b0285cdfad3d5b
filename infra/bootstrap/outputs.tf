output "state_bucket_name" {
  description = "Name of the bucket that holds the Terraform state of the environments."
  value       = module.state_bucket.bucket_name
}

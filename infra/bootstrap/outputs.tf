output "state_bucket_name" {
  description = "Name of the bucket that holds the Terraform state of the environments."
  value       = aws_s3_bucket.state.bucket
}

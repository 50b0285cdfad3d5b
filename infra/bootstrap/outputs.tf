output "state_bucket_name" {
  description = "Name of the bucket that holds the Terraform state of the environments."
  value       = module.state_bucket.bucket_name
}

output "github_repository" {
  description = "The repository whose GitHub Actions may deploy, null if none may."
  value       = var.github_repository
}

output "owns_github_provider" {
  description = "Whether the account's OIDC provider for GitHub Actions is in this state."
  value       = length(aws_iam_openid_connect_provider.github) > 0
}

output "plan_role_arn" {
  description = "Role of the workflow's job that plans, null if no repository is named."
  value       = one([for role in aws_iam_role.plan : role.arn])
}

output "deploy_role_arn" {
  description = "Role of the workflow's job that applies, null if no repository is named."
  value       = one([for role in aws_iam_role.deploy : role.arn])
}

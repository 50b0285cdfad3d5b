output "pool_id" {
  description = "Id of the user pool."
  value       = aws_cognito_user_pool.this.id
}

output "client_id" {
  description = "Id of the client by which users sign in: the `client_id` of an access token."
  value       = aws_cognito_user_pool_client.this.id
}

output "issuer" {
  description = "URL that the tokens name as their issuer."
  value       = "https://${aws_cognito_user_pool.this.endpoint}"
}

output "pool_arn" {
  description = "ARN of the pool."
  value       = aws_cognito_user_pool.this.arn
}

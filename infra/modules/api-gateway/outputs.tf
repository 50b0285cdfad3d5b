output "api_id" {
  description = "Id of the API."
  value       = aws_apigatewayv2_api.this.id
}

output "execution_arn" {
  description = "ARN of the API's calls, for the permissions of the functions behind its routes."
  value       = aws_apigatewayv2_api.this.execution_arn
}

output "stage_name" {
  description = "Name of the stage."
  value       = aws_apigatewayv2_stage.this.name
}

output "stage_url" {
  description = "URL of the stage, which a route's path follows."
  value       = aws_apigatewayv2_stage.this.invoke_url
}

output "authorizer_id" {
  description = "Id of the authorizer; null without one."
  value       = one(aws_apigatewayv2_authorizer.this[*].id)
}

output "log_group_name" {
  description = "Name of the access logs' group."
  value       = aws_cloudwatch_log_group.this.name
}

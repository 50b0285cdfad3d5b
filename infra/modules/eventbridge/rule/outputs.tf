output "rule_name" {
  description = "Name of the rule."
  value       = aws_cloudwatch_event_rule.this.name
}

output "rule_arn" {
  description = "ARN of the rule, for the policy of its queue."
  value       = aws_cloudwatch_event_rule.this.arn
}

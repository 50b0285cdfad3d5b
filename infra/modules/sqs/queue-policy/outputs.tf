output "policy_json" {
  description = "The queue's policy, as JSON."
  value       = aws_sqs_queue_policy.this.policy
}

output "queue_name" {
  description = "Name of the queue."
  value       = aws_sqs_queue.this.name
}

output "queue_arn" {
  description = "ARN of the queue."
  value       = aws_sqs_queue.this.arn
}

output "queue_url" {
  description = "URL of the queue."
  value       = aws_sqs_queue.this.url
}

output "dead_letter_queue_name" {
  description = "Name of the queue's dead letter queue."
  value       = module.dead_letter_queue.queue_name
}

output "dead_letter_queue_arn" {
  description = "ARN of the queue's dead letter queue."
  value       = module.dead_letter_queue.queue_arn
}

output "dead_letter_queue_url" {
  description = "URL of the queue's dead letter queue."
  value       = module.dead_letter_queue.queue_url
}

output "environment" {
  description = "Name of the environment."
  value       = var.environment
}

output "region" {
  description = "AWS region of the environment."
  value       = var.region
}

output "order_bus_name" {
  description = "Name of the order bus."
  value       = module.bus["order"].bus_name
}

output "payment_bus_name" {
  description = "Name of the payment bus."
  value       = module.bus["payment"].bus_name
}

output "order_queue_url" {
  description = "URL of the order queue."
  value       = module.order_queue.queue_url
}

output "payment_queue_url" {
  description = "URL of the payment queue."
  value       = module.payment_queue.queue_url
}

output "order_dlq_url" {
  description = "URL of the order queue's dead letters."
  value       = module.order_queue.dead_letter_queue_url
}

output "payment_dlq_url" {
  description = "URL of the payment queue's dead letters."
  value       = module.payment_queue.dead_letter_queue_url
}

output "relay_dlq_url" {
  description = "URL of the event relay's dead letters."
  value       = module.relay_dead_letter_queue.queue_url
}

output "reservation_sweep_rule_name" {
  description = "Name of the sweeper's schedule."
  value       = module.reservation_sweep.rule_name
}

output "sweep_dlq_url" {
  description = "URL of the dead letters of the sweeper's schedule."
  value       = module.sweep_dead_letter_queue.queue_url
}

output "inventory_table_name" {
  description = "Name of the inventory table."
  value       = module.inventory_table.table_name
}

output "event_store_table_name" {
  description = "Name of the event store."
  value       = module.event_store_table.table_name
}

output "metrics_table_name" {
  description = "Name of the table of the business counters and the sweeper's progress."
  value       = module.metrics_table.table_name
}

output "simulated_gateway_table_name" {
  description = "Name of the simulated payment gateway's ledger."
  value       = module.simulated_gateway_table.table_name
}

output "function_names" {
  description = "Name of each function, by service."
  value       = { for service, function in module.function : service => function.function_name }
}

output "log_group_names" {
  description = "Name of each function's log group, by service."
  value       = { for service, function in module.function : service => function.log_group_name }
}

output "metrics_api_gateway_url" {
  description = "URL that Prometheus scrapes; it wants the bearer token."
  value       = "${module.metrics_api.stage_url}/metrics"
}

output "metrics_api_id" {
  description = "Id of the HTTP API of the metrics: the embedded AWS answers at a path with it."
  value       = module.metrics_api.api_id
}

output "alarm_topic_arn" {
  description = "ARN of the topic that the alarms tell."
  value       = module.cloudwatch.topic_arn
}

output "notification_queue_url" {
  description = "URL of the queue between the alarms' topic and the notification service."
  value       = module.notification_queue.queue_url
}

output "notification_dlq_url" {
  description = "URL of the notification queue's dead letters."
  value       = module.notification_queue.dead_letter_queue_url
}

output "grafana_access_instructions" {
  description = "How to open Grafana."
  value       = var.monitoring_enabled ? module.monitoring[0].grafana_access_instructions : "No Grafana runs here: set monitoring_enabled, or give yours to `invoke setup-grafana`."
}

output "prometheus_access_instructions" {
  description = "How to open Prometheus."
  value       = var.monitoring_enabled ? module.monitoring[0].prometheus_access_instructions : "No Prometheus runs here: set monitoring_enabled, or run one on this machine with `invoke monitoring-up`."
}

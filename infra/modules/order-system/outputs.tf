output "deployment" {
  description = "Names and addresses of all that the tasks, a producer or an operator need."
  value = {
    environment                  = var.environment
    region                       = var.region
    order_bus_name               = module.bus["order"].bus_name
    payment_bus_name             = module.bus["payment"].bus_name
    order_queue_url              = module.order_queue.queue_url
    payment_queue_url            = module.payment_queue.queue_url
    notification_queue_url       = module.notification_queue.queue_url
    order_dlq_url                = module.order_queue.dead_letter_queue_url
    payment_dlq_url              = module.payment_queue.dead_letter_queue_url
    relay_dlq_url                = module.relay_dead_letter_queue.queue_url
    sweep_dlq_url                = module.sweep_dead_letter_queue.queue_url
    notification_dlq_url         = module.notification_queue.dead_letter_queue_url
    bus_dlq_url                  = one(module.bus_dead_letter_queue[*].queue_url)
    deadline_sweep_rule_name     = module.deadline_sweep.rule_name
    inventory_table_name         = module.inventory_table.table_name
    event_store_table_name       = module.event_store_table.table_name
    deadline_table_name          = module.deadline_table.table_name
    metrics_table_name           = module.metrics_table.table_name
    simulated_gateway_table_name = module.simulated_gateway_table.table_name
    function_names               = { for service, function in module.function : service => function.function_name }
    log_group_names              = { for service, function in module.function : service => function.log_group_name }
    metrics_api_gateway_url      = local.metrics_url
    metrics_api_id               = module.metrics_api.api_id
    alarm_topic_arn              = module.cloudwatch.topic_arn
    runbook_url                  = var.runbook_url
    allow_forced_payment_result  = var.allow_forced_payment_result
    payment_success_rate         = var.payment_success_rate
  }
}

output "metrics_api_gateway_url" {
  description = "URL that Prometheus scrapes; it wants the bearer token."
  value       = local.metrics_url
}

output "grafana_access_instructions" {
  description = "How to open Grafana."
  value       = var.monitoring_enabled ? module.monitoring[0].grafana_access_instructions : "No Grafana runs here: set monitoring_enabled, or give yours to `invoke setup-grafana`."
}

output "prometheus_access_instructions" {
  description = "How to open Prometheus."
  value       = var.monitoring_enabled ? module.monitoring[0].prometheus_access_instructions : "No Prometheus runs here: set monitoring_enabled, or run one on this machine with `invoke monitoring-up`."
}

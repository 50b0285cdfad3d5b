output "deployment" {
  description = "Names and addresses of all that the tasks, a producer or an operator need."
  value = {
    environment  = var.environment
    region       = var.region
    buses        = { for context, bus in local.bus : context => bus.name }
    queues       = { for name, queue in local.queues : name => { name = queue.name, url = queue.url, service = queue.service, dead_letters = queue.dead_letters } }
    dead_letters = { for name, queue in local.dead_letters : name => { name = queue.name, url = queue.url } }

    tables = { for table in [
      module.event_store_table,
      module.inventory_table,
      module.metrics_table,
      module.deadline_table,
      module.customer_key_table,
      module.simulated_gateway_table,
    ] : trimsuffix(trimprefix(table.table_name, "${var.environment}-"), "-table") => table.table_name }

    functions = local.every_function

    metrics_api                 = { id = module.metrics_api.api_id, url = local.metrics_url }
    shop_api                    = { id = module.shop_api.api_id, url = module.shop_api.stage_url }
    user_pool                   = { id = module.user_pool.pool_id, client_id = module.user_pool.client_id, issuer = module.user_pool.issuer }
    wrapping_key_arn            = module.wrapping_key.key_arn
    alarm_topic_arn             = module.cloudwatch.topic_arn
    runbook_url                 = var.settings.runbook_url
    allow_forced_payment_result = var.settings.allow_forced_payment_result
    payment_success_rate        = var.settings.payment_success_rate
    return_window_days          = var.settings.return_window_days
    return_arrival_days         = var.settings.return_arrival_days
  }
}

output "settings" {
  description = "Every setting there is, as given or by default: what a root gives beside these is none."
  value       = var.settings
}

output "metrics_api_gateway_url" {
  description = "URL that Prometheus scrapes; it wants the bearer token."
  value       = local.metrics_url
}

output "grafana_access_instructions" {
  description = "How to open Grafana."
  value       = var.settings.monitoring_enabled ? module.monitoring[0].grafana_access_instructions : "No Grafana runs here: set monitoring_enabled, or give yours to `invoke setup-grafana`."
}

output "prometheus_access_instructions" {
  description = "How to open Prometheus."
  value       = var.settings.monitoring_enabled ? module.monitoring[0].prometheus_access_instructions : "No Prometheus runs here: set monitoring_enabled, or run one on this machine with `invoke monitor.up`."
}

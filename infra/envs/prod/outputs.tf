output "deployment" {
  description = "Names and addresses of all that the tasks, a producer or an operator need."
  value       = module.order_system.deployment
}

output "metrics_api_gateway_url" {
  description = "URL that Prometheus scrapes; it wants the bearer token."
  value       = module.order_system.metrics_api_gateway_url
}

output "grafana_access_instructions" {
  description = "How to open Grafana."
  value       = module.order_system.grafana_access_instructions
}

output "prometheus_access_instructions" {
  description = "How to open Prometheus."
  value       = module.order_system.prometheus_access_instructions
}

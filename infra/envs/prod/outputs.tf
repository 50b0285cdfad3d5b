output "deployment" {
  description = "Names and addresses of all that the tasks, a producer or an operator need."
  value       = module.pulsequeue.deployment

  precondition {
    condition     = length(local.unknown_settings) == 0
    error_message = "There is no setting ${join(", ", local.unknown_settings)}: modules/pulsequeue/variables.tf has them all."
  }
}

output "metrics_api_gateway_url" {
  description = "URL that Prometheus scrapes; it wants the bearer token."
  value       = module.pulsequeue.metrics_api_gateway_url
}

output "grafana_access_instructions" {
  description = "How to open Grafana."
  value       = module.pulsequeue.grafana_access_instructions
}

output "prometheus_access_instructions" {
  description = "How to open Prometheus."
  value       = module.pulsequeue.prometheus_access_instructions
}

# Terraform itself drops what an object type does not have.
locals {
  unknown_settings = setsubtract(keys(local.settings), keys(module.pulsequeue.settings))
}

# What every service is given, and the list of them: alarms, metrics, the dashboard and the tasks go by it.
locals {
  system = {
    environment              = var.environment
    packages_dir             = var.packages_dir
    permissions_boundary_arn = var.permissions_boundary_arn
    kms_key_arn              = local.kms_key_arn
    log_level                = var.settings.log_level
    log_retention_days       = var.settings.log_retention_days
    memory_mb                = var.settings.memory_mb
    timeout_seconds          = var.settings.function_timeout_seconds

    batch = {
      size                = var.settings.batch_size
      window_seconds      = var.settings.batching_window_seconds
      maximum_concurrency = var.settings.maximum_concurrency
    }
  }

  # A new service is one more line here.
  services = { for service in [
    module.order_service.service,
    module.payment_service.service,
    module.fulfilment_service.service,
    module.catalog_service.service,
    module.cart_service.service,
    module.customer_service.service,
    module.support_service.service,
    module.event_relay.service,
    module.notification_service.service,
  ] : service.name => service }

  # By their names in logs and metrics, such as order-service and catalog-service-api.
  functions = merge([for service in local.services : service.functions]...)
  # These two are told of the others, and so cannot be among them.
  every_function = merge(local.functions, module.deadline_sweeper.service.functions, module.metrics_service.service.functions)

  queues       = merge([for service in local.services : service.queues]...)
  dead_letters = merge(local.bus_dead_letters, module.deadline_sweeper.service.dead_letters, [for service in local.services : service.dead_letters]...)
}

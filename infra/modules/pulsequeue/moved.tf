# What was deployed under another address. Without these it would be destroyed and made anew beside all that refers to it.
moved {
  from = module.reservation_sweep
  to   = module.deadline_sweep
}

moved {
  from = module.function["reservation-sweeper"]
  to   = module.function["deadline-sweeper"]
}

moved {
  from = module.order_placed_rule
  to   = module.order_service.module.rule["order-placed"]
}

moved {
  from = module.payment_settled_rule
  to   = module.order_service.module.rule["payment-settled"]
}

moved {
  from = module.order_queue
  to   = module.order_service.module.queue[0]
}

moved {
  from = module.function["order-service"]
  to   = module.order_service.module.function
}

moved {
  from = module.payment_requested_rule
  to   = module.payment_service.module.rule["payment-requested"]
}

moved {
  from = module.payment_queue
  to   = module.payment_service.module.queue[0]
}

moved {
  from = module.function["payment-service"]
  to   = module.payment_service.module.function
}

moved {
  from = module.relay_dead_letter_queue
  to   = module.event_relay.module.stream_dead_letter_queue[0]
}

moved {
  from = module.function["event-relay"]
  to   = module.event_relay.module.function
}

moved {
  from = module.deadline_sweep
  to   = module.deadline_sweeper.module.schedule[0]
}

moved {
  from = module.sweep_dead_letter_queue
  to   = module.deadline_sweeper.module.schedule_dead_letter_queue[0]
}

moved {
  from = module.function["deadline-sweeper"]
  to   = module.deadline_sweeper.module.function
}

moved {
  from = aws_sns_topic_subscription.notifications
  to   = module.notification_service.aws_sns_topic_subscription.this["alarms"]
}

moved {
  from = module.notification_queue
  to   = module.notification_service.module.queue[0]
}

moved {
  from = module.function["notification-service"]
  to   = module.notification_service.module.function
}

moved {
  from = module.metrics_api.aws_apigatewayv2_integration.this
  to   = module.metrics_service.aws_apigatewayv2_integration.this
}

moved {
  from = module.metrics_api.aws_apigatewayv2_route.this
  to   = module.metrics_service.aws_apigatewayv2_route.this
}

moved {
  from = module.metrics_api.aws_lambda_permission.this
  to   = module.metrics_service.aws_lambda_permission.this
}

moved {
  from = module.function["metrics-service"]
  to   = module.metrics_service.module.function
}

moved {
  from = module.order_system
  to   = module.pulsequeue
}

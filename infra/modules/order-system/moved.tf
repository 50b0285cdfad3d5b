# What was deployed under another name. Without these it would be destroyed and made anew beside all that refers to it.
moved {
  from = module.reservation_sweep
  to   = module.deadline_sweep
}

moved {
  from = module.function["reservation-sweeper"]
  to   = module.function["deadline-sweeper"]
}

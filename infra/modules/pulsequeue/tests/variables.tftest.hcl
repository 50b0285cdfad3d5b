# Each run has the variables alone: a plan of everything takes seconds, and a refused value is refused without one.
variables {
  environment  = "dev"
  region       = "eu-west-2"
  packages_dir = "packages"
}

run "no_payment_is_forced_in_production" {
  command = plan

  module {
    source = "./tests/variables"
  }

  variables {
    environment = "prod"
    settings    = { allow_forced_payment_result = true }
  }

  expect_failures = [var.settings]
}

run "a_name_that_is_none_is_refused" {
  command = plan

  module {
    source = "./tests/variables"
  }

  variables {
    environment = "Dev"
  }

  expect_failures = [var.environment]
}

run "a_success_rate_above_one_is_refused" {
  command = plan

  module {
    source = "./tests/variables"
  }

  variables {
    settings = { payment_success_rate = 1.1 }
  }

  expect_failures = [var.settings]
}

run "a_refund_failure_rate_below_zero_is_refused" {
  command = plan

  module {
    source = "./tests/variables"
  }

  variables {
    settings = { refund_failure_rate = -0.1 }
  }

  expect_failures = [var.settings]
}

run "a_refund_failure_rate_above_one_is_refused" {
  command = plan

  module {
    source = "./tests/variables"
  }

  variables {
    settings = { refund_failure_rate = 1.1 }
  }

  expect_failures = [var.settings]
}

run "a_fault_rate_below_zero_is_refused" {
  command = plan

  module {
    source = "./tests/variables"
  }

  variables {
    settings = { gateway_fault_rate = -0.1 }
  }

  expect_failures = [var.settings]
}

run "a_window_for_returns_of_less_than_a_day_is_refused" {
  command = plan

  module {
    source = "./tests/variables"
  }

  variables {
    settings = { return_window_days = 0 }
  }

  expect_failures = [var.settings]
}

run "a_cart_that_is_never_abandoned_is_refused" {
  command = plan

  module {
    source = "./tests/variables"
  }

  variables {
    settings = { cart_abandoned_after_hours = 721 }
  }

  expect_failures = [var.settings]
}

run "a_time_for_returns_to_arrive_of_half_a_day_is_refused" {
  command = plan

  module {
    source = "./tests/variables"
  }

  variables {
    settings = { return_arrival_days = 1.5 }
  }

  expect_failures = [var.settings]
}

run "a_carrier_that_stands_still_is_refused" {
  command = plan

  module {
    source = "./tests/variables"
  }

  variables {
    settings = { carrier_speed = 0 }
  }

  expect_failures = [var.settings]
}

run "more_parcels_lost_and_returned_than_there_are_are_refused" {
  command = plan

  module {
    source = "./tests/variables"
  }

  variables {
    settings = { carrier_lost_share = 0.6, carrier_returned_share = 0.5 }
  }

  expect_failures = [var.settings]
}

run "a_negative_share_of_parcels_is_refused" {
  command = plan

  module {
    source = "./tests/variables"
  }

  variables {
    settings = { carrier_lost_share = -0.1 }
  }

  expect_failures = [var.settings]
}

run "a_fault_rate_above_one_is_refused" {
  command = plan

  module {
    source = "./tests/variables"
  }

  variables {
    settings = { carrier_fault_rate = 1.1 }
  }

  expect_failures = [var.settings]
}

run "a_carrier_that_is_asked_more_than_once_a_minute_is_refused" {
  command = plan

  module {
    source = "./tests/variables"
  }

  variables {
    settings = { tracking_interval_seconds = 59 }
  }

  expect_failures = [var.settings]
}

run "a_log_level_that_is_none_is_refused" {
  command = plan

  module {
    source = "./tests/variables"
  }

  variables {
    settings = { log_level = "TRACE" }
  }

  expect_failures = [var.settings]
}

run "an_alert_channel_that_is_none_is_refused" {
  command = plan

  module {
    source = "./tests/variables"
  }

  variables {
    settings = { alert_channels = ["pager"] }
  }

  expect_failures = [var.settings]
}

run "a_payment_without_time_is_refused" {
  command = plan

  module {
    source = "./tests/variables"
  }

  variables {
    settings = { payment_timeout_seconds = 9 }
  }

  expect_failures = [var.settings]
}

run "metrics_that_are_older_than_their_alert_bears_are_refused" {
  command = plan

  module {
    source = "./tests/variables"
  }

  variables {
    settings = { metrics_refresh_seconds = 300 }
  }

  expect_failures = [var.settings]
}

run "a_gateway_fault_rate_above_one_is_refused" {
  command = plan

  module {
    source = "./tests/variables"
  }

  variables {
    settings = { gateway_fault_rate = 1.1 }
  }

  expect_failures = [var.settings]
}

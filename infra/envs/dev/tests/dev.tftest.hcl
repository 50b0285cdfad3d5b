mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = {
      json = "{}"
    }
  }
}

# The packages are not built when the inputs are checked.
override_module {
  target = module.pulsequeue

  outputs = {
    deployment                     = {}
    metrics_api_gateway_url        = ""
    grafana_access_instructions    = ""
    prometheus_access_instructions = ""

    settings = {
      allow_forced_payment_result = true
      carrier_speed               = 1
      deletion_protection         = false
      log_level                   = "INFO"
      tracking_interval_seconds   = 3600
    }
  }
}

variables {
  packages_dir = "packages"
}

run "a_developer_may_have_an_environment_and_settings_of_their_own" {
  command = plan

  variables {
    environment = "dev-ada"
    settings    = { log_level = "DEBUG", carrier_speed = 1 }
  }

  assert {
    condition     = local.settings.carrier_speed == 1 && local.settings.tracking_interval_seconds == 60
    error_message = "A setting that was given is not taken, or the others are not as in development."
  }
}

run "a_setting_that_is_none_is_refused" {
  command = plan

  variables {
    environment = "dev-ada"
    settings    = { log_levle = "DEBUG" }
  }

  expect_failures = [output.deployment]
}

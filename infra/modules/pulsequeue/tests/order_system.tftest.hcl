mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = {
      json = "{}"
    }
  }

  mock_data "aws_availability_zones" {
    defaults = {
      names = ["eu-west-2a", "eu-west-2b"]
    }
  }
}

# The packages are not built when the inputs are checked.
override_module {
  target = module.function

  outputs = {
    function_arn   = "arn:aws:lambda:eu-west-2:123456789012:function:dev-some-handler"
    invoke_arn     = "arn:aws:apigateway:eu-west-2:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-2:123456789012:function:dev-some-handler/invocations"
    function_name  = "dev-some-handler"
    log_group_name = "/aws/lambda/dev-some-handler"
  }
}

variables {
  environment  = "dev"
  region       = "eu-west-2"
  packages_dir = "packages"
}

run "names_start_with_the_environment" {
  command = plan

  assert {
    condition     = output.deployment.order_bus_name == "dev-order-bus" && output.deployment.event_store_table_name == "dev-event-store-table" && output.deployment.deadline_table_name == "dev-deadline-table" && output.deployment.deadline_sweep_rule_name == "dev-deadline-sweep"
    error_message = "A name differs from the contract."
  }
}

run "no_monitoring_runs_unless_asked_for" {
  command = plan

  assert {
    condition     = length(module.monitoring) == 0 && strcontains(output.grafana_access_instructions, "No Grafana runs here")
    error_message = "Containers run where nobody asked for them."
  }
}

run "monitoring_can_be_switched_on" {
  command = plan

  variables {
    monitoring_enabled    = true
    monitoring_bundle_dir = "../monitoring/tests/bundle"
    alert_channels        = ["slack"]
  }

  override_module {
    target = module.metrics_api

    outputs = {
      api_id    = "abc123"
      stage_url = "https://abc123.execute-api.eu-west-2.amazonaws.com/dev"
    }
  }

  assert {
    condition     = length(module.monitoring) == 1
    error_message = "Monitoring does not run."
  }
}

run "neither_a_key_nor_a_budget_is_made_unless_asked_for" {
  command = plan

  assert {
    condition     = length(module.kms_key) + length(module.bus_dead_letter_queue) + length(module.budget) == 0 && output.deployment.bus_dlq_url == null
    error_message = "Something costs or counts that nobody asked for."
  }
}

run "a_customer_key_comes_with_a_watched_queue_for_what_it_cannot_encrypt" {
  command = plan

  variables {
    customer_key = true
  }

  assert {
    condition     = length(module.kms_key) == 1 && length(module.bus_dead_letter_queue) == 1 && contains(keys(local.dead_letter_queues), "bus-dlq")
    error_message = "There is no key, or nobody hears of an event that it cannot encrypt."
  }

  assert {
    condition     = alltrue([for arn in flatten([values(local.key_users), local.encrypted_log_groups]) : strcontains(arn, ":eu-west-2:") && endswith(arn, "/dev-*") || endswith(arn, ":dev-*")])
    error_message = "The key is for more than this environment."
  }
}

run "a_budget_may_be_set" {
  command = plan

  variables {
    budget = { limit_usd = 50, emails = ["ops@example.org"] }
  }

  assert {
    condition     = module.budget[0].budget_name == "dev-monthly"
    error_message = "There is no budget."
  }
}

run "no_payment_is_forced_in_production" {
  command = plan

  variables {
    environment                 = "prod"
    allow_forced_payment_result = true
  }

  expect_failures = [var.allow_forced_payment_result]
}

run "a_payment_is_forced_where_it_is_allowed" {
  command = plan

  variables {
    allow_forced_payment_result = true
  }

  assert {
    condition     = local.functions["order-service"].environment.ALLOW_FORCED_PAYMENT_RESULT == "true"
    error_message = "No test can force a payment."
  }
}

run "tables_are_protected_and_no_payment_is_forced_unless_asked_for" {
  command = plan

  assert {
    condition     = var.deletion_protection && local.functions["order-service"].environment.ALLOW_FORCED_PAYMENT_RESULT == "false"
    error_message = "A default is not the safe one."
  }
}

run "bad_inputs_are_refused" {
  command = plan

  variables {
    environment          = "Dev"
    payment_success_rate = 1.1
    log_level            = "TRACE"
    alert_channels       = ["pager"]
  }

  expect_failures = [
    var.environment,
    var.payment_success_rate,
    var.log_level,
    var.alert_channels,
  ]
}

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

variables {
  environment  = "dev"
  region       = "eu-west-2"
  packages_dir = "../../../.local/stand-ins"
}

run "the_defaults_are_safe_and_names_start_with_the_environment" {
  command = plan

  assert {
    condition = (
      output.deployment.buses == { order = "dev-order-bus", payment = "dev-payment-bus", fulfilment = "dev-fulfilment-bus", shop = "dev-shop-bus" } &&
      output.deployment.tables == {
        customer-key      = "dev-customer-key-table"
        deadline          = "dev-deadline-table"
        event-store       = "dev-event-store-table"
        inventory         = "dev-inventory-table"
        metrics           = "dev-metrics-table"
        simulated-gateway = "dev-simulated-gateway-table"
      } &&
      alltrue([for name, queue in output.deployment.queues : queue.name == "dev-${name}-queue" && contains([name, "${name}-service"], queue.service)]) &&
      alltrue([for name, queue in output.deployment.dead_letters : queue.name == "dev-${name}-dlq"]) &&
      length(setsubtract(["fulfilment", "notification", "order", "payment"], keys(output.deployment.queues))) == 0 &&
      length(setsubtract(["fulfilment", "notification", "order", "payment", "relay", "sweep"], keys(output.deployment.dead_letters))) == 0 &&
      output.deployment.functions["deadline-sweeper"].schedule == "dev-deadline-sweep"
    )
    error_message = "A name differs from the contract."
  }

  assert {
    condition     = toset(keys(output.deployment.functions)) == toset([for file in fileset("../../../services", "*/{handler,api,trigger}.py") : replace(trimsuffix("${dirname(file)}-${trimsuffix(basename(file), ".py")}", "-handler"), "_", "-")])
    error_message = "A service is not in the deployment's output: alarms and tasks do not know it."
  }

  assert {
    condition     = local.owners["shipment"].name == "dev-fulfilment-queue" && local.owners["order"].name == "dev-order-queue" && local.owners["cart"].name == "dev-cart-queue"
    error_message = "What is due of a stream goes to another queue than that of the service that looks after it."
  }

  assert {
    condition     = output.settings.deletion_protection && !output.settings.allow_forced_payment_result && !output.deployment.allow_forced_payment_result
    error_message = "A default is not the safe one."
  }

  assert {
    condition     = length(module.monitoring) == 0 && strcontains(output.grafana_access_instructions, "No Grafana runs here")
    error_message = "Containers run where nobody asked for them."
  }

  assert {
    condition     = length(module.kms_key) + length(module.bus_dead_letter_queue) + length(module.budget) == 0 && !contains(keys(output.deployment.dead_letters), "bus")
    error_message = "Something costs or counts that nobody asked for."
  }
}

run "what_is_asked_for_is_there" {
  command = plan

  variables {
    settings = {
      monitoring_enabled          = true
      monitoring_bundle_dir       = "../monitoring/tests/bundle"
      alert_channels              = ["slack"]
      alarm_email                 = "ops@example.org"
      runbook_url                 = "https://git.example/pulsequeue/runbook.md"
      customer_key                = true
      budget                      = { limit_usd = 50, emails = ["ops@example.org"] }
      allow_forced_payment_result = true
    }
  }

  override_module {
    target = module.metrics_api

    outputs = {
      api_id        = "abc123"
      execution_arn = "arn:aws:execute-api:eu-west-2:123456789012:abc123"
      stage_name    = "dev"
      stage_url     = "https://abc123.execute-api.eu-west-2.amazonaws.com/dev"
    }
  }

  assert {
    condition     = length(module.monitoring) == 1 && strcontains(output.grafana_access_instructions, "aws ssm start-session")
    error_message = "Monitoring does not run."
  }

  assert {
    condition     = output.deployment.runbook_url == "https://git.example/pulsequeue/runbook.md"
    error_message = "Nothing links to the runbook."
  }

  assert {
    condition     = length(module.kms_key) == 1 && length(module.bus_dead_letter_queue) == 1 && output.deployment.dead_letters["bus"].name == "dev-bus-dlq"
    error_message = "There is no key, or nobody hears of an event that it cannot encrypt."
  }

  assert {
    condition     = alltrue([for arn in flatten([values(local.key_users), local.encrypted_log_groups]) : strcontains(arn, ":eu-west-2:") && endswith(arn, "/dev-*") || endswith(arn, ":dev-*")])
    error_message = "The key is for more than this environment."
  }

  assert {
    condition     = module.budget[0].budget_name == "dev-monthly"
    error_message = "There is no budget."
  }

  assert {
    condition     = output.deployment.allow_forced_payment_result
    error_message = "No test can force a payment."
  }
}

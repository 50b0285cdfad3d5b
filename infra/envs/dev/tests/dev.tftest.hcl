mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = {
      json = "{}"
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
  packages_dir = "packages"
}

run "names_start_with_the_environment" {
  command = plan

  assert {
    condition     = output.order_bus_name == "dev-order-bus" && output.event_store_table_name == "dev-event-store-table"
    error_message = "A name differs from the contract."
  }
}

run "production_is_refused" {
  command = plan

  variables {
    environment = "production"
  }

  expect_failures = [var.environment]
}

run "bad_inputs_are_refused" {
  command = plan

  variables {
    environment          = "Dev"
    payment_success_rate = 1.1
    log_level            = "TRACE"
  }

  expect_failures = [
    var.environment,
    var.payment_success_rate,
    var.log_level,
  ]
}

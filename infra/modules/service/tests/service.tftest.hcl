mock_provider "aws" {
  override_during = plan

  mock_data "aws_iam_policy_document" {
    defaults = {
      json = "{}"
    }
  }

  mock_resource "aws_sqs_queue" {
    defaults = {
      arn = "arn:aws:sqs:eu-west-2:123456789012:dev-some-queue"
    }
  }

  mock_resource "aws_cloudwatch_event_rule" {
    defaults = {
      arn = "arn:aws:events:eu-west-2:123456789012:rule/dev-order-bus/dev-some-rule"
    }
  }

  mock_resource "aws_apigatewayv2_integration" {
    defaults = {
      id = "def456"
    }
  }
}

# The packages are not built when the inputs are checked.
override_module {
  target = module.handler

  outputs = {
    function_name  = "dev-cart-service-handler"
    function_arn   = "arn:aws:lambda:eu-west-2:123456789012:function:dev-cart-service-handler"
    invoke_arn     = "arn:aws:apigateway:eu-west-2:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-2:123456789012:function:dev-cart-service-handler/invocations"
    log_group_name = "/aws/lambda/dev-cart-service-handler"
  }
}

override_module {
  target = module.api

  outputs = {
    function_name  = "dev-cart-service-api"
    invoke_arn     = "arn:aws:apigateway:eu-west-2:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-2:123456789012:function:dev-cart-service-api/invocations"
    log_group_name = "/aws/lambda/dev-cart-service-api"
  }
}

override_module {
  target = module.trigger

  outputs = {
    function_name  = "dev-cart-service-trigger"
    function_arn   = "arn:aws:lambda:eu-west-2:123456789012:function:dev-cart-service-trigger"
    role_name      = "dev-cart-service-trigger"
    log_group_name = "/aws/lambda/dev-cart-service-trigger"
  }
}

variables {
  name = "cart-service"

  system = {
    environment              = "dev"
    packages_dir             = "packages"
    permissions_boundary_arn = null
    kms_key_arn              = null
    log_level                = "INFO"
    log_retention_days       = 14
    memory_mb                = 512
    timeout_seconds          = 10
    batch                    = { size = 50, window_seconds = 1, maximum_concurrency = 2 }
  }
}

run "a_service_that_listens_and_commits_has_what_that_takes" {
  command = plan

  variables {
    listens_to = {
      order-placed    = { bus = { name = "dev-order-bus", source = "order.service" }, events = ["OrderPlaced"] }
      payment-settled = { bus = { name = "dev-payment-bus", source = "payment.service" }, events = ["PaymentProcessed", "PaymentFailed"] }
    }

    commits = {
      store = {
        event_store = { table_name = "dev-event-store-table", table_arn = "arn:aws:dynamodb:eu-west-2:123456789012:table/dev-event-store-table" }
        inventory   = { table_name = "dev-inventory-table", table_arn = "arn:aws:dynamodb:eu-west-2:123456789012:table/dev-inventory-table" }
        metrics     = { table_name = "dev-metrics-table", table_arn = "arn:aws:dynamodb:eu-west-2:123456789012:table/dev-metrics-table" }
        deadline    = { table_name = "dev-deadline-table", table_arn = "arn:aws:dynamodb:eu-west-2:123456789012:table/dev-deadline-table" }
        keys        = { table_name = "dev-customer-key-table", table_arn = "arn:aws:dynamodb:eu-west-2:123456789012:table/dev-customer-key-table" }
      }
      move_stock     = true
      have_deadlines = true
    }

    owns = ["cart"]
    told = { CART_LIFETIME_SECONDS = 900 }
    may  = { ReadStock = { actions = ["dynamodb:BatchGetItem"], resources = ["arn:aws:dynamodb:eu-west-2:123456789012:table/dev-inventory-table"] } }
  }

  assert {
    condition     = { for name, rule in module.rule : name => rule.rule_name } == { order-placed = "dev-order-placed", payment-settled = "dev-payment-settled" }
    error_message = "There is not a rule for each of what it listens to."
  }

  assert {
    condition = (
      output.service.queues["cart"].name == "dev-cart-queue" && output.service.queues["cart"].owns == toset(["cart"]) &&
      output.service.dead_letters["cart"].name == "dev-cart-dlq" && length(output.service.dead_letters) == 1
    )
    error_message = "The queue or its dead letters are not named after the service."
  }

  assert {
    condition = output.service.functions == {
      cart-service = {
        name            = "dev-cart-service-handler"
        log_group       = "/aws/lambda/dev-cart-service-handler"
        timeout_seconds = 10
        queue           = "cart"
        schedule        = null
        serves          = false
        writes_commits  = true
      }
    } && output.service.writes_deadlines
    error_message = "Others are told something else of it."
  }

  assert {
    condition = local.environment == {
      ENVIRONMENT           = "dev"
      LOG_LEVEL             = "INFO"
      DEAD_LETTER_QUEUE_URL = output.service.dead_letters["cart"].url
      EVENT_STORE_TABLE     = "dev-event-store-table"
      INVENTORY_TABLE       = "dev-inventory-table"
      METRICS_TABLE         = "dev-metrics-table"
      DEADLINE_TABLE        = "dev-deadline-table"
      CART_LIFETIME_SECONDS = "900"
    }
    error_message = "It is not told the tables of its commits, its dead letters and what it asks for, or more."
  }

  assert {
    condition = { for statement in local.policy_statements : statement.sid => "${join(",", statement.actions)} ${join(",", [for arn in statement.resources : reverse(split(":", arn))[0]])}" } == {
      CommitEvents    = "dynamodb:PutItem table/dev-event-store-table"
      Count           = "dynamodb:UpdateItem table/dev-metrics-table"
      MoveStock       = "dynamodb:UpdateItem table/dev-inventory-table"
      WriteDeadlines  = "dynamodb:PutItem table/dev-deadline-table"
      SendDeadLetters = "sqs:SendMessage dev-some-queue"
      ReadStock       = "dynamodb:BatchGetItem table/dev-inventory-table"
    }
    error_message = "It may do other than what its commits need, and what it asks for."
  }
}

run "commits_without_stock_and_deadlines_need_fewer_rights" {
  command = plan

  variables {
    commits = {
      store = {
        event_store = { table_name = "dev-event-store-table", table_arn = "arn:aws:dynamodb:eu-west-2:123456789012:table/dev-event-store-table" }
        inventory   = { table_name = "dev-inventory-table", table_arn = "arn:aws:dynamodb:eu-west-2:123456789012:table/dev-inventory-table" }
        metrics     = { table_name = "dev-metrics-table", table_arn = "arn:aws:dynamodb:eu-west-2:123456789012:table/dev-metrics-table" }
        deadline    = { table_name = "dev-deadline-table", table_arn = "arn:aws:dynamodb:eu-west-2:123456789012:table/dev-deadline-table" }
        keys        = { table_name = "dev-customer-key-table", table_arn = "arn:aws:dynamodb:eu-west-2:123456789012:table/dev-customer-key-table" }
      }
    }
  }

  assert {
    condition     = local.policy_statements[*].sid == ["CommitEvents", "Count"] && !contains(keys(local.environment), "DEADLINE_TABLE") && !output.service.writes_deadlines
    error_message = "It may move stock, or write deadlines, that it does not have."
  }
}

run "commits_that_no_counter_is_about_need_fewer_still" {
  command = plan

  variables {
    commits = {
      store = {
        event_store = { table_name = "dev-event-store-table", table_arn = "arn:aws:dynamodb:eu-west-2:123456789012:table/dev-event-store-table" }
        inventory   = { table_name = "dev-inventory-table", table_arn = "arn:aws:dynamodb:eu-west-2:123456789012:table/dev-inventory-table" }
        metrics     = { table_name = "dev-metrics-table", table_arn = "arn:aws:dynamodb:eu-west-2:123456789012:table/dev-metrics-table" }
        deadline    = { table_name = "dev-deadline-table", table_arn = "arn:aws:dynamodb:eu-west-2:123456789012:table/dev-deadline-table" }
        keys        = { table_name = "dev-customer-key-table", table_arn = "arn:aws:dynamodb:eu-west-2:123456789012:table/dev-customer-key-table" }
      }
      count = false
    }
  }

  assert {
    condition     = local.policy_statements[*].sid == ["CommitEvents"] && local.environment["METRICS_TABLE"] == "dev-metrics-table"
    error_message = "It may count, although no counter is about its commits."
  }
}

run "commits_of_customers_check_that_the_customer_is_not_erased_and_may_do_no_more_to_the_keys" {
  command = plan

  variables {
    commits = {
      store = {
        event_store = { table_name = "dev-event-store-table", table_arn = "arn:aws:dynamodb:eu-west-2:123456789012:table/dev-event-store-table" }
        inventory   = { table_name = "dev-inventory-table", table_arn = "arn:aws:dynamodb:eu-west-2:123456789012:table/dev-inventory-table" }
        metrics     = { table_name = "dev-metrics-table", table_arn = "arn:aws:dynamodb:eu-west-2:123456789012:table/dev-metrics-table" }
        deadline    = { table_name = "dev-deadline-table", table_arn = "arn:aws:dynamodb:eu-west-2:123456789012:table/dev-deadline-table" }
        keys        = { table_name = "dev-customer-key-table", table_arn = "arn:aws:dynamodb:eu-west-2:123456789012:table/dev-customer-key-table" }
      }
      count        = false
      of_customers = true
    }
    trigger = { told = { GREETING = "hello" }, may = { ReadStock = { actions = ["dynamodb:BatchGetItem"], resources = ["arn:aws:dynamodb:eu-west-2:123456789012:table/dev-inventory-table"] } } }
  }

  assert {
    condition = alltrue([for statements in [local.policy_statements, local.api_policy_statements, local.trigger_policy_statements] : {
      for statement in statements : statement.sid => "${join(",", statement.actions)} ${join(",", [for arn in statement.resources : reverse(split(":", arn))[0]])}" if statement.sid != "ReadStock"
      } == {
      CommitEvents   = "dynamodb:PutItem table/dev-event-store-table"
      CheckCustomers = "dynamodb:ConditionCheckItem table/dev-customer-key-table"
    }])
    error_message = "A commit cannot check its customer, or may read or change their key."
  }

  assert {
    condition     = alltrue([for environment in [local.environment, local.api_environment, local.trigger_environment] : environment["CUSTOMER_KEY_TABLE"] == "dev-customer-key-table"])
    error_message = "A function is not told where the keys are."
  }

  assert {
    condition = (
      local.trigger_environment["GREETING"] == "hello" && contains(local.trigger_policy_statements[*].sid, "ReadStock") &&
      local.policy_statements[*].sid == ["CommitEvents", "CheckCustomers"] && output.service.functions["cart-service-trigger"].writes_commits
    )
    error_message = "The trigger is not told or may not do what it asks for, others may too, or nobody knows that it commits."
  }
}

run "a_handler_that_writes_no_commits_may_write_none" {
  command = plan

  variables {
    listens_to = { order-placed = { bus = { name = "dev-order-bus", source = "order.service" }, events = ["OrderPlaced"] } }
    trigger    = {}
    commits = {
      store = {
        event_store = { table_name = "dev-event-store-table", table_arn = "arn:aws:dynamodb:eu-west-2:123456789012:table/dev-event-store-table" }
        inventory   = { table_name = "dev-inventory-table", table_arn = "arn:aws:dynamodb:eu-west-2:123456789012:table/dev-inventory-table" }
        metrics     = { table_name = "dev-metrics-table", table_arn = "arn:aws:dynamodb:eu-west-2:123456789012:table/dev-metrics-table" }
        deadline    = { table_name = "dev-deadline-table", table_arn = "arn:aws:dynamodb:eu-west-2:123456789012:table/dev-deadline-table" }
        keys        = { table_name = "dev-customer-key-table", table_arn = "arn:aws:dynamodb:eu-west-2:123456789012:table/dev-customer-key-table" }
      }
      by_handler = false
    }
  }

  assert {
    condition = (
      local.policy_statements[*].sid == ["SendDeadLetters"] && keys(local.environment) == ["DEAD_LETTER_QUEUE_URL", "ENVIRONMENT", "LOG_LEVEL"] &&
      local.trigger_policy_statements[*].sid == ["CommitEvents", "Count"] &&
      { for name, function in output.service.functions : name => function.writes_commits } == { cart-service = false, cart-service-trigger = true }
    )
    error_message = "The handler may write commits, or the trigger may not, or others are told so."
  }
}

run "a_service_has_nothing_that_it_does_not_ask_for" {
  command = plan

  assert {
    condition     = length(module.rule) + length(module.queue) + length(module.stream_dead_letter_queue) + length(module.schedule) + length(module.schedule_dead_letter_queue) == 0
    error_message = "It has a queue or a source that nobody asked for."
  }

  assert {
    condition     = local.policy_statements == [] && local.environment == { ENVIRONMENT = "dev", LOG_LEVEL = "INFO" } && output.service.functions == {} && output.trigger == null
    error_message = "It may do or is told something that nobody asked for."
  }
}

run "a_service_may_read_a_stream_and_run_on_a_schedule" {
  command = plan

  variables {
    stream          = { arn = "arn:aws:dynamodb:eu-west-2:123456789012:table/dev-event-store-table/stream/2026-01-01T00:00:00.000", dead_letters = "relay" }
    schedule        = { name = "cart-sweep", expression = "rate(1 minute)", dead_letters = "sweep" }
    timeout_seconds = 30
  }

  assert {
    condition     = { for name, queue in output.service.dead_letters : name => queue.name } == { relay = "dev-relay-dlq", sweep = "dev-sweep-dlq" }
    error_message = "Records that are given up, or ticks, have no dead letters of their own."
  }

  assert {
    condition     = output.service.functions["cart-service"].schedule == "dev-cart-sweep" && output.service.functions["cart-service"].timeout_seconds == 30 && length(output.service.queues) == 0
    error_message = "It has no schedule, or a queue."
  }

  assert {
    condition     = local.environment.DEAD_LETTER_QUEUE_URL == output.service.dead_letters["relay"].url && local.policy_statements[*].sid == ["SendDeadLetters"]
    error_message = "It cannot reject a record of the stream."
  }
}

run "a_service_may_hear_topics" {
  command = plan

  variables {
    has_queue = true
    topics    = { alarms = "arn:aws:sns:eu-west-2:123456789012:dev-alarms" }
    batch     = { size = 1, maximum_concurrency = 2 }
  }

  assert {
    condition = (
      aws_sns_topic_subscription.this["alarms"].endpoint == output.service.queues["cart"].arn &&
      aws_sns_topic_subscription.this["alarms"].raw_message_delivery &&
      jsondecode(aws_sns_topic_subscription.this["alarms"].redrive_policy) == { deadLetterTargetArn = output.service.dead_letters["cart"].arn }
    )
    error_message = "The topic does not send to the queue, or loses what it cannot deliver."
  }

  assert {
    condition     = local.batch == { size = 1, window_seconds = 0, maximum_concurrency = 2 }
    error_message = "It takes batches as the system says, not as it says itself."
  }
}

run "a_service_serves_routes_by_a_function_of_their_own" {
  command = plan

  variables {
    serves = {
      api       = { api_id = "abc123", execution_arn = "arn:aws:execute-api:eu-west-2:123456789012:abc123", stage_name = "dev", authorizer_id = "jkl012" }
      public    = ["GET /v1/carts/{cartId}"]
      signed_in = ["PUT /v1/carts/{cartId}/items/{sku}"]
    }

    commits = {
      store = {
        event_store = { table_name = "dev-event-store-table", table_arn = "arn:aws:dynamodb:eu-west-2:123456789012:table/dev-event-store-table" }
        inventory   = { table_name = "dev-inventory-table", table_arn = "arn:aws:dynamodb:eu-west-2:123456789012:table/dev-inventory-table" }
        metrics     = { table_name = "dev-metrics-table", table_arn = "arn:aws:dynamodb:eu-west-2:123456789012:table/dev-metrics-table" }
        deadline    = { table_name = "dev-deadline-table", table_arn = "arn:aws:dynamodb:eu-west-2:123456789012:table/dev-deadline-table" }
        keys        = { table_name = "dev-customer-key-table", table_arn = "arn:aws:dynamodb:eu-west-2:123456789012:table/dev-customer-key-table" }
      }
      count = false
    }

    api_told = { MOST_ITEMS = 50 }
    api_may  = { ReadCart = { actions = ["dynamodb:Query"], resources = ["arn:aws:dynamodb:eu-west-2:123456789012:table/dev-event-store-table"] } }
  }

  assert {
    condition = output.service.functions == {
      cart-service-api = {
        name            = "dev-cart-service-api"
        log_group       = "/aws/lambda/dev-cart-service-api"
        timeout_seconds = 10
        queue           = null
        schedule        = null
        serves          = true
        writes_commits  = true
      }
    }
    error_message = "The routes have no function of their own, or the service has one for what it does not get."
  }

  assert {
    condition = local.api_environment == {
      ENVIRONMENT       = "dev"
      LOG_LEVEL         = "INFO"
      EVENT_STORE_TABLE = "dev-event-store-table"
      INVENTORY_TABLE   = "dev-inventory-table"
      METRICS_TABLE     = "dev-metrics-table"
      MOST_ITEMS        = "50"
    } && local.api_policy_statements[*].sid == ["CommitEvents", "ReadCart"]
    error_message = "It is told or may do other than what its commits need, and what it asks for."
  }

  assert {
    condition = (
      { for key, route in aws_apigatewayv2_route.this : key => route.authorization_type } == { "GET /v1/carts/{cartId}" = "NONE", "PUT /v1/carts/{cartId}/items/{sku}" = "JWT" } &&
      aws_apigatewayv2_route.this["GET /v1/carts/{cartId}"].authorizer_id == null &&
      aws_apigatewayv2_route.this["PUT /v1/carts/{cartId}/items/{sku}"].authorizer_id == "jkl012"
    )
    error_message = "A route for those who are signed in is open, or a public one is closed."
  }

  assert {
    condition = (
      aws_apigatewayv2_integration.this["GET /v1/carts/{cartId}"].integration_type == "AWS_PROXY" &&
      aws_apigatewayv2_integration.this["GET /v1/carts/{cartId}"].payload_format_version == "2.0" &&
      endswith(aws_apigatewayv2_integration.this["GET /v1/carts/{cartId}"].integration_uri, ":dev-cart-service-api/invocations") &&
      aws_apigatewayv2_route.this["GET /v1/carts/{cartId}"].target == "integrations/${aws_apigatewayv2_integration.this["GET /v1/carts/{cartId}"].id}"
    )
    error_message = "The function does not get the request as it came."
  }

  assert {
    condition = alltrue([for permission in aws_lambda_permission.this : permission.function_name == "dev-cart-service-api" && permission.principal == "apigateway.amazonaws.com"]) && { for key, permission in aws_lambda_permission.this : key => permission.source_arn } == {
      "GET /v1/carts/{cartId}"             = "arn:aws:execute-api:eu-west-2:123456789012:abc123/dev/GET/v1/carts/*"
      "PUT /v1/carts/{cartId}/items/{sku}" = "arn:aws:execute-api:eu-west-2:123456789012:abc123/dev/PUT/v1/carts/*/items/*"
    }
    error_message = "Another service, API, stage or route may invoke the function, or none."
  }
}

run "a_handler_may_serve_the_routes_itself" {
  command = plan

  variables {
    serves            = { api = { api_id = "abc123", execution_arn = "arn:aws:execute-api:eu-west-2:123456789012:abc123", stage_name = "dev" }, public = ["GET /metrics"] }
    serves_by_handler = true
  }

  assert {
    condition     = keys(output.service.functions) == ["cart-service"] && output.service.functions["cart-service"].serves && aws_lambda_permission.this["GET /metrics"].function_name == "dev-cart-service-handler"
    error_message = "The route has another function than the handler."
  }

  assert {
    condition     = aws_lambda_permission.this["GET /metrics"].source_arn == "arn:aws:execute-api:eu-west-2:123456789012:abc123/dev/GET/metrics"
    error_message = "Another API, stage or route may invoke the function, or none."
  }
}

run "cognito_may_call_a_function_that_knows_no_routes" {
  command = plan

  variables {
    trigger = { told = { GREETING = "hello" } }
    may     = { ReadStock = { actions = ["dynamodb:BatchGetItem"], resources = ["arn:aws:dynamodb:eu-west-2:123456789012:table/dev-inventory-table"] } }
  }

  assert {
    condition = output.service.functions == {
      cart-service-trigger = {
        name            = "dev-cart-service-trigger"
        log_group       = "/aws/lambda/dev-cart-service-trigger"
        timeout_seconds = 5
        queue           = null
        schedule        = null
        serves          = false
        writes_commits  = false
      }
    } && output.trigger.role_name == "dev-cart-service-trigger"
    error_message = "The pool does not get its function, or one that answers later than Cognito waits."
  }

  assert {
    condition     = local.trigger_policy_statements == [] && local.trigger_environment == { ENVIRONMENT = "dev", LOG_LEVEL = "INFO", GREETING = "hello" }
    error_message = "The trigger may do what the handler may, or is told what nobody asked for."
  }
}

run "a_signed_in_route_without_an_authorizer_is_refused" {
  command = plan

  variables {
    serves = { api = { api_id = "abc123", execution_arn = "arn:aws:execute-api:eu-west-2:123456789012:abc123", stage_name = "dev" }, signed_in = ["GET /v1/cart"] }
  }

  expect_failures = [var.serves]
}

run "a_route_that_is_both_public_and_signed_in_is_refused" {
  command = plan

  variables {
    serves = { api = { api_id = "abc123", execution_arn = "arn:aws:execute-api:eu-west-2:123456789012:abc123", stage_name = "dev", authorizer_id = "jkl012" }, public = ["GET /v1/cart"], signed_in = ["GET /v1/cart"] }
  }

  expect_failures = [var.serves]
}

run "bad_inputs_are_refused" {
  command = plan

  variables {
    name   = "Cart_Service"
    topics = { alarms = "arn:aws:sns:eu-west-2:123456789012:dev-alarms" }
    owns   = ["cart"]
    serves = { api = { api_id = "abc123", execution_arn = "arn:aws:execute-api:eu-west-2:123456789012:abc123", stage_name = "dev" }, public = ["$default"] }
  }

  override_module {
    target = module.queue
  }

  expect_failures = [
    var.name,
    var.topics,
    var.owns,
    var.serves,
  ]
}

mock_provider "aws" {
  override_during = plan

  mock_resource "aws_apigatewayv2_api" {
    defaults = {
      id            = "abc123"
      execution_arn = "arn:aws:execute-api:eu-west-2:123456789012:abc123"
    }
  }

  mock_resource "aws_cloudwatch_log_group" {
    defaults = {
      arn = "arn:aws:logs:eu-west-2:123456789012:log-group:/aws/vendedlogs/apigateway/dev-metrics-api"
    }
  }
}

variables {
  name       = "dev-metrics-api"
  stage_name = "dev"
}

run "the_stage_is_throttled_and_its_access_log_does_not_say_who_called" {
  command = plan

  assert {
    condition = (
      aws_apigatewayv2_stage.this.name == "dev" &&
      aws_apigatewayv2_stage.this.auto_deploy &&
      aws_apigatewayv2_stage.this.default_route_settings[0].throttling_rate_limit == 5 &&
      aws_apigatewayv2_stage.this.default_route_settings[0].throttling_burst_limit == 10
    )
    error_message = "The stage has another name, no limit, or stays behind its routes."
  }

  assert {
    condition     = aws_cloudwatch_log_group.this.retention_in_days == 30
    error_message = "The log group keeps its logs for ever."
  }

  assert {
    condition     = jsondecode(aws_apigatewayv2_stage.this.access_log_settings[0].format).request_id == "$context.requestId"
    error_message = "A line does not name its request, without which AWS refuses the format."
  }

  assert {
    condition     = !can(regex("(?i)identity|authorizer|header|querystring|userAgent", aws_apigatewayv2_stage.this.access_log_settings[0].format))
    error_message = "The log may hold a token or an address."
  }
}

run "a_customer_key_encrypts_the_access_log" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-west-2:123456789012:key/some-key"
  }

  assert {
    condition     = aws_cloudwatch_log_group.this.kms_key_id == var.kms_key_arn
    error_message = "The customer's key is not used."
  }
}

run "an_api_is_closed_to_other_origins_and_has_no_authorizer_unless_asked_for" {
  command = plan

  assert {
    condition     = length(aws_apigatewayv2_api.this.cors_configuration) == 0 && length(aws_apigatewayv2_authorizer.this) == 0 && output.authorizer_id == null
    error_message = "A page of anybody's may call the API, or it knows an issuer that nobody named."
  }
}

run "an_api_may_have_an_authorizer_and_admit_a_page" {
  command = plan

  variables {
    authorizer   = { issuer = "https://cognito-idp.eu-west-2.amazonaws.com/eu-west-2_abc", client_ids = ["client"] }
    cors_origins = ["https://shop.example"]
  }

  assert {
    condition = (
      aws_apigatewayv2_authorizer.this[0].authorizer_type == "JWT" &&
      aws_apigatewayv2_authorizer.this[0].identity_sources == toset(["$request.header.Authorization"]) &&
      aws_apigatewayv2_authorizer.this[0].jwt_configuration[0].issuer == var.authorizer.issuer &&
      aws_apigatewayv2_authorizer.this[0].jwt_configuration[0].audience == toset(["client"])
    )
    error_message = "Tokens of another issuer or client are let through."
  }

  assert {
    condition = (
      aws_apigatewayv2_api.this.cors_configuration[0].allow_origins == toset(["https://shop.example"]) &&
      aws_apigatewayv2_api.this.cors_configuration[0].allow_headers == toset(["authorization", "content-type", "idempotency-key", "if-match", "x-correlation-id"]) &&
      aws_apigatewayv2_api.this.cors_configuration[0].expose_headers == toset(["etag", "location", "retry-after", "x-correlation-id"])
    )
    error_message = "A page of the named origin cannot call the API, or not as the API wants it."
  }
}

run "bad_inputs_are_refused" {
  command = plan

  variables {
    authorizer          = { issuer = "http://issuer.example", client_ids = ["client"] }
    cors_origins        = ["*"]
    name                = "no spaces"
    stage_name          = "$default"
    requests_per_second = 0
    burst_requests      = 0
    log_retention_days  = 0
    kms_key_arn         = "alias/mine"
  }

  expect_failures = [
    var.authorizer,
    var.cors_origins,
    var.name,
    var.stage_name,
    var.requests_per_second,
    var.burst_requests,
    var.log_retention_days,
    var.kms_key_arn,
  ]
}

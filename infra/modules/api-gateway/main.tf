resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_158:CloudWatch Logs encrypts with a key of its own unless kms_key_arn names another
  #checkov:skip=CKV_AWS_338:Each environment says how long; the log is for finding faults, and names nobody
  # Below /aws/vendedlogs/ a log group does not use up the account's log resource policy.
  name              = "/aws/vendedlogs/apigateway/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_apigatewayv2_api" "this" {
  name          = var.name
  description   = var.description
  protocol_type = "HTTP"

  dynamic "cors_configuration" {
    for_each = length(var.cors_origins) > 0 ? [var.cors_origins] : []

    content {
      allow_origins  = cors_configuration.value
      allow_methods  = ["DELETE", "GET", "PATCH", "POST", "PUT"]
      allow_headers  = ["authorization", "content-type", "idempotency-key", "if-match", "x-correlation-id"]
      expose_headers = ["etag", "location", "retry-after", "x-correlation-id"]
      max_age        = 600 # seconds
    }
  }
}

# The routes that name it let through only who has a token of this issuer, for one of these clients.
resource "aws_apigatewayv2_authorizer" "this" {
  count = length(var.authorizer[*])

  api_id           = aws_apigatewayv2_api.this.id
  name             = "${var.name}-jwt"
  authorizer_type  = "JWT"
  identity_sources = ["$request.header.Authorization"]

  jwt_configuration {
    issuer   = var.authorizer.issuer
    audience = var.authorizer.client_ids
  }
}

resource "aws_apigatewayv2_stage" "this" {
  api_id      = aws_apigatewayv2_api.this.id
  name        = var.stage_name
  auto_deploy = true

  # An HTTP API has no WAF: this is what keeps a flood from the functions. It holds for each route by itself.
  default_route_settings {
    throttling_rate_limit  = var.requests_per_second
    throttling_burst_limit = var.burst_requests
  }

  # Nothing here says who called: no address, no header, and so no token.
  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.this.arn

    format = jsonencode({
      request_id          = "$context.requestId"
      requested_at        = "$context.requestTime"
      route               = "$context.routeKey"
      status              = "$context.status"
      response_bytes      = "$context.responseLength"
      response_latency_ms = "$context.responseLatency"
      function_status     = "$context.integrationStatus"
      function_error      = "$context.integrationErrorMessage"
    })
  }
}

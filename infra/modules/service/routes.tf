# The routes that the service answers, each with the function behind it.
locals {
  routes   = toset(flatten([for serves in var.serves[*] : setunion(serves.public, serves.signed_in)]))
  answerer = var.serves_by_handler ? one(module.handler) : one(module.api)
}

resource "aws_apigatewayv2_integration" "this" {
  for_each = local.routes

  api_id                 = var.serves.api.api_id
  integration_type       = "AWS_PROXY"
  integration_uri        = local.answerer.invoke_arn
  payload_format_version = "2.0"
}

resource "aws_apigatewayv2_route" "this" {
  #checkov:skip=CKV_AWS_309:What is signed_in has an authorizer; what is public is for everybody, or the function itself checks its token or signature
  for_each = aws_apigatewayv2_integration.this

  api_id             = var.serves.api.api_id
  route_key          = each.key
  target             = "integrations/${each.value.id}"
  authorization_type = contains(var.serves.signed_in, each.key) ? "JWT" : "NONE"
  authorizer_id      = contains(var.serves.signed_in, each.key) ? var.serves.api.authorizer_id : null
}

resource "aws_lambda_permission" "this" {
  for_each = local.routes

  statement_id  = "Admit-${replace(each.key, "/[^A-Za-z0-9]/", "-")}"
  action        = "lambda:InvokeFunction"
  function_name = local.answerer.function_name
  principal     = "apigateway.amazonaws.com"
  # A path's parameter is whatever the caller has put there.
  source_arn = "${var.serves.api.execution_arn}/${var.serves.api.stage_name}/${replace(replace(each.key, " ", ""), "/{[^}]*}/", "*")}"
}

# The functions, what they are told, and what they may do.
locals {
  package = replace(var.name, "-", "_")
  # Cognito waits for no longer: https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-identity-pools-working-with-aws-lambda-triggers.html
  trigger_timeout_seconds = 5

  # Where the service itself leaves what can never succeed. A tick of a schedule is nothing to keep.
  rejects = concat(
    local.has_queue ? [{ url = module.queue[0].dead_letter_queue_url, arn = module.queue[0].dead_letter_queue_arn }] : [],
    local.has_stream ? [{ url = module.stream_dead_letter_queue[0].queue_url, arn = module.stream_dead_letter_queue[0].queue_arn }] : [],
  )

  known_to_all = { ENVIRONMENT = local.env, LOG_LEVEL = var.system.log_level }

  commit_environment = merge({}, concat(
    [for commits in var.commits[*] : {
      EVENT_STORE_TABLE = commits.store.event_store.table_name
      INVENTORY_TABLE   = commits.store.inventory.table_name
      METRICS_TABLE     = commits.store.metrics.table_name
    }],
    [for commits in var.commits[*] : { DEADLINE_TABLE = commits.store.deadline.table_name } if commits.have_deadlines],
    [for commits in var.commits[*] : { CUSTOMER_KEY_TABLE = commits.store.keys.table_name } if commits.of_customers],
  )...)

  # A transaction needs the right to each put and update in it.
  commit_statements = concat(
    [for commits in var.commits[*] : {
      sid       = "CommitEvents"
      actions   = ["dynamodb:PutItem"]
      resources = [commits.store.event_store.table_arn]
    }],
    [for commits in var.commits[*] : {
      sid       = "Count"
      actions   = ["dynamodb:UpdateItem"]
      resources = [commits.store.metrics.table_arn]
    } if commits.count],
    [for commits in var.commits[*] : {
      sid       = "MoveStock"
      actions   = ["dynamodb:UpdateItem"]
      resources = [commits.store.inventory.table_arn]
    } if commits.move_stock],
    [for commits in var.commits[*] : {
      sid       = "WriteDeadlines"
      actions   = ["dynamodb:PutItem"]
      resources = [commits.store.deadline.table_arn]
    } if commits.have_deadlines],
    [for commits in var.commits[*] : {
      sid       = "CheckCustomers"
      actions   = ["dynamodb:ConditionCheckItem"]
      resources = [commits.store.keys.table_arn]
    } if commits.of_customers],
  )

  handler_commits = try(var.commits.by_handler, false)

  environment = merge(local.known_to_all, local.handler_commits ? local.commit_environment : {}, var.told, [for queue in local.rejects : { DEAD_LETTER_QUEUE_URL = queue.url }]...)

  policy_statements = concat(
    [for statement in local.commit_statements : statement if local.handler_commits],
    [for queue in local.rejects : {
      sid       = "SendDeadLetters"
      actions   = ["sqs:SendMessage"]
      resources = [queue.arn]
    }],
    [for sid, statement in var.may : merge(statement, { sid = sid })],
  )

  api_environment       = merge(local.known_to_all, local.commit_environment, var.api_told)
  api_policy_statements = concat(local.commit_statements, [for sid, statement in var.api_may : merge(statement, { sid = sid })])

  trigger_environment       = merge(local.known_to_all, local.commit_environment, try(var.trigger.told, {}))
  trigger_policy_statements = concat(local.commit_statements, [for sid, statement in try(var.trigger.may, {}) : merge(statement, { sid = sid })])
}

# What comes by queues, a stream or a schedule.
module "handler" {
  source = "../lambda/lambda-function"
  count  = local.has_handler ? 1 : 0

  name               = "${local.env}-${var.name}-handler"
  handler            = "services.${local.package}.handler.handler"
  package_path       = "${var.system.packages_dir}/${local.package}.zip"
  memory_mb          = var.system.memory_mb
  timeout_seconds    = local.timeout_seconds
  log_retention_days = var.system.log_retention_days
  environment        = local.environment
  policy_statements  = local.policy_statements

  queue_trigger = local.has_queue ? {
    queue_arn               = module.queue[0].queue_arn
    batch_size              = local.batch.size
    batching_window_seconds = local.batch.window_seconds
    maximum_concurrency     = local.batch.maximum_concurrency
  } : null

  stream_trigger = local.has_stream ? {
    stream_arn           = var.stream.arn
    on_failure_queue_arn = module.stream_dead_letter_queue[0].queue_arn
  } : null

  permissions_boundary_arn = var.system.permissions_boundary_arn
  kms_key_arn              = var.system.kms_key_arn
}

# What comes by routes.
module "api" {
  source = "../lambda/lambda-function"
  count  = local.has_api ? 1 : 0

  name               = "${local.env}-${var.name}-api"
  handler            = "services.${local.package}.api.handler"
  package_path       = "${var.system.packages_dir}/${local.package}_api.zip"
  memory_mb          = var.system.memory_mb
  timeout_seconds    = var.system.timeout_seconds
  log_retention_days = var.system.log_retention_days
  environment        = local.api_environment
  policy_statements  = local.api_policy_statements

  permissions_boundary_arn = var.system.permissions_boundary_arn
  kms_key_arn              = var.system.kms_key_arn
}

# What Cognito calls. It must not depend on the routes: their authorizer knows the user pool, which knows this function.
module "trigger" {
  source = "../lambda/lambda-function"
  count  = local.has_trigger ? 1 : 0

  name               = "${local.env}-${var.name}-trigger"
  handler            = "services.${local.package}.trigger.handler"
  package_path       = "${var.system.packages_dir}/${local.package}_trigger.zip"
  memory_mb          = var.system.memory_mb
  timeout_seconds    = local.trigger_timeout_seconds
  log_retention_days = var.system.log_retention_days
  environment        = local.trigger_environment
  policy_statements  = local.trigger_policy_statements

  permissions_boundary_arn = var.system.permissions_boundary_arn
  kms_key_arn              = var.system.kms_key_arn
}

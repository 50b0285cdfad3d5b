locals {
  # Lambda polls a queue or a stream with the function's own role.
  trigger_statements = concat(
    [for trigger in var.queue_trigger[*] : {
      sid        = "ConsumeQueue"
      actions    = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
      resources  = [trigger.queue_arn]
      conditions = []
    }],
    [for trigger in var.stream_trigger[*] : {
      sid        = "ReadStream"
      actions    = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
      resources  = [trigger.stream_arn]
      conditions = []
    }],
    [for trigger in var.stream_trigger[*] : {
      sid     = "ListStreams"
      actions = ["dynamodb:ListStreams"]
      # Asked of a table and not of one stream: an ARN with the stream's label never matches, and the mapping is refused.
      resources  = [replace(trigger.stream_arn, "/\\/stream\\/.*/", "/stream/*")]
      conditions = []
    }],
    [for trigger in var.stream_trigger[*] : {
      sid        = "ReportLostRecords"
      actions    = ["sqs:SendMessage"]
      resources  = [trigger.on_failure_queue_arn]
      conditions = []
    }],
  )
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_158:CloudWatch Logs encrypts with a key of its own unless kms_key_arn names another
  #checkov:skip=CKV_AWS_338:Each environment says how long; the log is for finding faults, and names nobody
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

data "aws_iam_policy_document" "assume_role" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "this" {
  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this.arn}:*"]
  }

  # DynamoDB and SQS ask KMS in the name of whoever calls them.
  dynamic "statement" {
    for_each = var.kms_key_arn[*]

    content {
      sid       = "UseCustomerKey"
      actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = concat(local.trigger_statements, var.policy_statements)

    content {
      sid       = statement.value.sid
      actions   = statement.value.actions
      resources = statement.value.resources

      dynamic "condition" {
        for_each = statement.value.conditions

        content {
          test     = condition.value.test
          variable = condition.value.variable
          values   = condition.value.values
        }
      }
    }
  }
}

resource "aws_iam_role" "this" {
  name                 = var.name
  assume_role_policy   = data.aws_iam_policy_document.assume_role.json
  permissions_boundary = var.permissions_boundary_arn
}

resource "aws_iam_role_policy" "this" {
  name   = var.name
  role   = aws_iam_role.this.name
  policy = data.aws_iam_policy_document.this.json
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_50:Each log line has its order's correlation id, and `invoke order-show` tells an order's whole history; tracing would add a cost to each order
  #checkov:skip=CKV_AWS_115:A queue's mapping limits its own concurrency, a stream's shards theirs; reserving more would take it from the account's other functions
  #checkov:skip=CKV_AWS_116:Only the schedule invokes without waiting, and the next tick does what one did not; queues and streams have dead letters of their own
  #checkov:skip=CKV_AWS_117:It calls nothing but AWS's own endpoints and webhooks, by TLS; a VPC would add a NAT gateway and guard nothing
  #checkov:skip=CKV_AWS_173:There is no secret in the environment, which Lambda encrypts with a key of its own unless kms_key_arn names another
  #checkov:skip=CKV_AWS_272:Zips are built from pinned sources and known by their hash, and only the deploying role may change them
  function_name    = var.name
  role             = aws_iam_role.this.arn
  runtime          = "python3.13"
  architectures    = ["arm64"]
  handler          = var.handler
  filename         = var.package_path
  source_code_hash = filebase64sha256(var.package_path)
  memory_size      = var.memory_mb
  timeout          = var.timeout_seconds
  kms_key_arn      = var.kms_key_arn

  environment {
    variables = var.environment
  }

  # The function writes JSON lines itself; Lambda's own JSON format would wrap them, and hide its EMF.
  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.this.name
  }

  depends_on = [aws_iam_role_policy.this]
}

resource "aws_lambda_event_source_mapping" "queue" {
  count = length(var.queue_trigger[*])

  function_name                      = aws_lambda_function.this.arn
  event_source_arn                   = var.queue_trigger.queue_arn
  batch_size                         = var.queue_trigger.batch_size
  maximum_batching_window_in_seconds = var.queue_trigger.batching_window_seconds
  function_response_types            = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = var.queue_trigger.maximum_concurrency
  }
}

resource "aws_lambda_event_source_mapping" "stream" {
  count = length(var.stream_trigger[*])

  function_name                  = aws_lambda_function.this.arn
  event_source_arn               = var.stream_trigger.stream_arn
  batch_size                     = var.stream_trigger.batch_size
  starting_position              = "TRIM_HORIZON"
  function_response_types        = ["ReportBatchItemFailures"]
  bisect_batch_on_function_error = true
  # Age alone ends the retries: a dependency that is down for an hour loses nothing.
  maximum_retry_attempts        = -1
  maximum_record_age_in_seconds = var.stream_trigger.maximum_record_age_seconds

  filter_criteria {
    filter {
      pattern = jsonencode({ eventName = ["INSERT"] })
    }
  }

  destination_config {
    on_failure {
      destination_arn = var.stream_trigger.on_failure_queue_arn
    }
  }
}

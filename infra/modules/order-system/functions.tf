# What sets one function off, what it is told, and what it may do. A transaction needs the right to each put and update in it.
locals {
  store_tables = {
    INVENTORY_TABLE   = module.inventory_table.table_name
    EVENT_STORE_TABLE = module.event_store_table.table_name
    METRICS_TABLE     = module.metrics_table.table_name
  }

  functions = {
    order-service = {
      queue_trigger = {
        queue_arn               = module.order_queue.queue_arn
        batch_size              = var.batch_size
        batching_window_seconds = var.batching_window_seconds
        maximum_concurrency     = var.maximum_concurrency
      }
      environment = merge(local.store_tables, {
        DEADLINE_TABLE              = module.deadline_table.table_name
        PAYMENT_TIMEOUT_SECONDS     = tostring(var.payment_timeout_seconds)
        DEAD_LETTER_QUEUE_URL       = module.order_queue.dead_letter_queue_url
        ALLOW_FORCED_PAYMENT_RESULT = tostring(var.allow_forced_payment_result)
      })
      policy_statements = [
        {
          sid       = "ReserveStock"
          actions   = ["dynamodb:BatchGetItem", "dynamodb:UpdateItem"]
          resources = [module.inventory_table.table_arn]
        },
        {
          sid       = "CommitEvents"
          actions   = ["dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:PartiQLInsert"]
          resources = [module.event_store_table.table_arn]
        },
        {
          sid       = "WriteDeadlines"
          actions   = ["dynamodb:PutItem"]
          resources = [module.deadline_table.table_arn]
        },
        {
          sid       = "Count"
          actions   = ["dynamodb:UpdateItem"]
          resources = [module.metrics_table.table_arn]
        },
        {
          sid       = "SendDeadLetters"
          actions   = ["sqs:SendMessage"]
          resources = [module.order_queue.dead_letter_queue_arn]
        },
      ]
    }

    payment-service = {
      queue_trigger = {
        queue_arn               = module.payment_queue.queue_arn
        batch_size              = var.batch_size
        batching_window_seconds = var.batching_window_seconds
        maximum_concurrency     = var.maximum_concurrency
      }
      environment = merge(local.store_tables, {
        GATEWAY_TABLE         = module.simulated_gateway_table.table_name
        DEAD_LETTER_QUEUE_URL = module.payment_queue.dead_letter_queue_url
        PAYMENT_SUCCESS_RATE  = tostring(var.payment_success_rate)
      })
      policy_statements = [
        {
          sid       = "SettleStock"
          actions   = ["dynamodb:UpdateItem"]
          resources = [module.inventory_table.table_arn]
        },
        {
          sid       = "CommitEvents"
          actions   = ["dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:PutItem"]
          resources = [module.event_store_table.table_arn]
        },
        {
          sid       = "Count"
          actions   = ["dynamodb:UpdateItem"]
          resources = [module.metrics_table.table_arn]
        },
        {
          sid       = "Charge"
          actions   = ["dynamodb:UpdateItem"]
          resources = [module.simulated_gateway_table.table_arn]
        },
        {
          sid       = "SendDeadLetters"
          actions   = ["sqs:SendMessage"]
          resources = [module.payment_queue.dead_letter_queue_arn]
        },
      ]
    }

    deadline-sweeper = {
      # It works off a backlog, half a minute of each.
      timeout_seconds = 30
      environment = {
        DEADLINE_TABLE = module.deadline_table.table_name
        # By the prefix of the streams that the service behind a queue owns.
        QUEUE_URLS             = jsonencode({ order = module.order_queue.queue_url })
        WRITER_TIMEOUT_SECONDS = tostring(var.function_timeout_seconds)
      }
      policy_statements = [
        {
          # It scans once, for where to begin: before it has a cursor.
          sid       = "SweepDeadlines"
          actions   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:Scan"]
          resources = [module.deadline_table.table_arn]
        },
        {
          sid       = "SendWhatIsDue"
          actions   = ["sqs:SendMessage"]
          resources = [module.order_queue.queue_arn]
        },
      ]
    }

    event-relay = {
      stream_trigger = {
        stream_arn           = module.event_store_table.stream_arn
        on_failure_queue_arn = module.relay_dead_letter_queue.queue_arn
      }
      environment = {
        ORDER_BUS             = module.bus["order"].bus_name
        PAYMENT_BUS           = module.bus["payment"].bus_name
        DEAD_LETTER_QUEUE_URL = module.relay_dead_letter_queue.queue_url
      }
      policy_statements = concat(
        [
          for name, bus in module.bus : {
            sid       = "Publish${title(name)}Events"
            actions   = ["events:PutEvents"]
            resources = [bus.bus_arn]
            # A call may have many sources. The embedded AWS fills in none, and ForAllValues holds for none too.
            conditions = [{ test = "ForAllValues:StringEquals", variable = "events:source", values = ["${name}.service"] }]
          }
        ],
        [{
          sid       = "SendDeadLetters"
          actions   = ["sqs:SendMessage"]
          resources = [module.relay_dead_letter_queue.queue_arn]
        }],
      )
    }

    metrics-service = {
      # As long as Prometheus waits for a scrape. CloudWatch is asked in the first 12 seconds, or the page goes without.
      timeout_seconds = 20
      environment = {
        METRICS_TABLE           = module.metrics_table.table_name
        INVENTORY_TABLE         = module.inventory_table.table_name
        QUEUE_URLS              = jsonencode({ for name, queue in local.queues : name => queue.url })
        METRICS_TOKEN_PARAMETER = local.parameters.metrics_token.name
        REFRESH_SECONDS         = tostring(var.metrics_refresh_seconds)
      }
      policy_statements = [
        {
          sid       = "ReadCountersAndKeepCheckpoint"
          actions   = ["dynamodb:Scan", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"]
          resources = [module.metrics_table.table_arn]
        },
        {
          sid       = "ReadStock"
          actions   = ["dynamodb:Scan"]
          resources = [module.inventory_table.table_arn]
        },
        {
          sid       = "MeasureQueues"
          actions   = ["sqs:GetQueueAttributes"]
          resources = [for queue in local.queues : queue.arn]
        },
        {
          sid       = "ReadMetrics"
          actions   = ["cloudwatch:GetMetricData"]
          resources = ["*"]
        },
        {
          sid       = "ReadToken"
          actions   = ["ssm:GetParameter"]
          resources = [local.parameters.metrics_token.arn]
        },
      ]
    }

    notification-service = {
      queue_trigger = {
        queue_arn = module.notification_queue.queue_arn
        # Webhooks may be slow, and alarms are rare: each has an invocation to itself.
        batch_size          = 1
        maximum_concurrency = 2
      }
      timeout_seconds = local.notification_timeout_seconds
      environment = {
        DEAD_LETTER_QUEUE_URL   = module.notification_queue.dead_letter_queue_url
        SLACK_WEBHOOK_PARAMETER = local.parameters.slack_webhook_url.name
        TEAMS_WEBHOOK_PARAMETER = local.parameters.teams_webhook_url.name
      }
      policy_statements = [
        {
          sid       = "ReadWebhooks"
          actions   = ["ssm:GetParameter"]
          resources = [local.parameters.slack_webhook_url.arn, local.parameters.teams_webhook_url.arn]
        },
        {
          sid       = "SendDeadLetters"
          actions   = ["sqs:SendMessage"]
          resources = [module.notification_queue.dead_letter_queue_arn]
        },
      ]
    }
  }
}

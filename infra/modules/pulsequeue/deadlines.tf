# Each minute, what is due goes to the queue of the service that owns the stream.
module "deadline_sweeper" {
  source = "../service"
  system = local.system
  name   = "deadline-sweeper"

  schedule = { name = "deadline-sweep", expression = "rate(1 minute)", dead_letters = "sweep" }
  # It works off a backlog: half a minute of each by default.
  timeout_seconds = 3 * local.system.timeout_seconds

  told = {
    DEADLINE_TABLE   = module.deadline_table.table_name
    OWNER_QUEUE_URLS = jsonencode({ for kind, queue in local.owners : kind => queue.url })
    # A minute is over once nobody who began in it can still write into it.
    WRITER_TIMEOUT_SECONDS = max(flatten([for service in local.services : values(service.functions)[*].timeout_seconds if service.writes_deadlines])...)
  }

  may = {
    # It scans once, for where to begin: before it has a cursor.
    SweepDeadlines = { actions = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:Scan"], resources = [module.deadline_table.table_arn] }
    SendWhatIsDue  = { actions = ["sqs:SendMessage"], resources = distinct([for queue in local.owners : queue.arn]) }
  }
}

# An item for each group of streams, under the minute in which they are due. Nobody needs it once they were looked at.
module "deadline_table" {
  source = "../dynamodb/table"

  name                = "${var.environment}-deadline-table"
  hash_key            = { name = "minute_shard", type = "S" }
  range_key           = { name = "group_id", type = "S" }
  ttl_attribute       = "expires_at"
  deletion_protection = var.settings.deletion_protection
  kms_key_arn         = local.kms_key_arn
}

locals {
  # The queue of the service that looks after the streams of a kind.
  owners = merge([for queue in local.queues : { for kind in queue.owns : kind => queue }]...)
}

# Alarms go to Slack and Teams.
module "notification_service" {
  source = "../service"
  system = local.system
  name   = "notification-service"

  has_queue = true
  topics    = { alarms = module.cloudwatch.topic_arn }
  # Webhooks may be slow, two of them with three tries each, and alarms are rare: each has an invocation to itself.
  batch           = { size = 1, maximum_concurrency = 2 }
  timeout_seconds = 40

  told = {
    SLACK_WEBHOOK_PARAMETER = local.parameters.slack_webhook_url.name
    TEAMS_WEBHOOK_PARAMETER = local.parameters.teams_webhook_url.name
  }

  may = {
    ReadWebhooks = { actions = ["ssm:GetParameter"], resources = [local.parameters.slack_webhook_url.arn, local.parameters.teams_webhook_url.arn] }
  }
}

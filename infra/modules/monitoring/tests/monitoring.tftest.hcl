mock_provider "aws" {
  override_during = plan

  mock_data "aws_iam_policy_document" {
    defaults = {
      json = "{}"
    }
  }

  mock_data "aws_caller_identity" {
    defaults = {
      account_id = "123456789012"
    }
  }

  mock_data "aws_region" {
    defaults = {
      name = "eu-west-2"
    }
  }

  mock_data "aws_availability_zones" {
    defaults = {
      names = ["eu-west-2a", "eu-west-2b", "eu-west-2c"]
    }
  }

  mock_resource "aws_s3_bucket" {
    defaults = {
      id  = "pulsequeue-dev-monitoring-123456789012"
      arn = "arn:aws:s3:::pulsequeue-dev-monitoring-123456789012"
    }
  }

  mock_resource "aws_cloudwatch_log_group" {
    defaults = {
      arn = "arn:aws:logs:eu-west-2:123456789012:log-group:/aws/ecs/dev-monitoring"
    }
  }

  mock_resource "aws_iam_role" {
    defaults = {
      arn = "arn:aws:iam::123456789012:role/dev-monitoring"
    }
  }

  mock_resource "aws_default_security_group" {
    defaults = {
      ingress = []
    }
  }

  mock_resource "aws_ecs_cluster" {
    defaults = {
      arn = "arn:aws:ecs:eu-west-2:123456789012:cluster/dev-monitoring"
    }
  }

  mock_resource "aws_ecs_task_definition" {
    defaults = {
      arn = "arn:aws:ecs:eu-west-2:123456789012:task-definition/dev-monitoring:1"
    }
  }
}

variables {
  environment                          = "dev"
  bundle_dir                           = "tests/bundle"
  metrics_endpoint                     = { host = "abc123.execute-api.eu-west-2.amazonaws.com", path = "/dev/metrics" }
  metrics_token_parameter_arn          = "arn:aws:ssm:eu-west-2:123456789012:parameter/dev/metrics-token"
  grafana_admin_password_parameter_arn = "arn:aws:ssm:eu-west-2:123456789012:parameter/dev/grafana-admin-password"
  runbook_url                          = "https://example.org/docs/runbook.md"
  webhook_parameter_arns               = { slack = "arn:aws:ssm:eu-west-2:123456789012:parameter/dev/slack-webhook-url" }
}

run "nobody_may_call_in_and_the_servers_get_their_configuration_and_secrets" {
  command = plan

  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.allowed) == 0
    error_message = "A port is open."
  }

  assert {
    condition     = aws_vpc_security_group_egress_rule.https.from_port == 443 && aws_vpc_security_group_egress_rule.https.to_port == 443 && aws_vpc_security_group_egress_rule.https.ip_protocol == "tcp"
    error_message = "More than HTTPS gets out."
  }

  assert {
    condition     = length(aws_default_security_group.this.ingress) == 0
    error_message = "The network's default group admits somebody."
  }

  assert {
    condition     = aws_ecs_service.this.enable_execute_command && strcontains(output.grafana_access_instructions, "aws ssm start-session") && strcontains(output.prometheus_access_instructions, "portNumber=9090")
    error_message = "There is no other way in, or nobody is told of it."
  }

  assert {
    condition = toset(keys(aws_s3_object.bundle)) == toset([
      "alertmanager/alertmanager.yml",
      "grafana/dashboards/orders.json",
      "grafana/provisioning/datasources/prometheus.yml",
      "prometheus/prometheus.yml",
      "prometheus/rules/alerts.yml",
    ])
    error_message = "The bundle is not what the servers read."
  }

  assert {
    condition     = yamldecode(aws_s3_object.bundle["prometheus/rules/alerts.yml"].content).groups[0].rules[0].annotations.runbook_url == "https://example.org/docs/runbook.md#stocklow"
    error_message = "An alert does not link to the runbook."
  }

  assert {
    condition     = aws_s3_object.bundle["prometheus/prometheus.yml"].source == "tests/bundle/prometheus/prometheus.yml"
    error_message = "A file is not delivered as it stands."
  }

  assert {
    condition = aws_s3_object.target.key == "prometheus/targets/metrics.json" && jsondecode(aws_s3_object.target.content) == [{
      targets = ["abc123.execute-api.eu-west-2.amazonaws.com"]
      labels  = { environment = "dev", __scheme__ = "https", __metrics_path__ = "/dev/metrics" }
    }]
    error_message = "Prometheus is not told what to scrape."
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[*].name == ["deliver", "alertmanager", "grafana", "prometheus"]
    error_message = "A container is missing."
  }

  assert {
    condition = alltrue([
      for container in slice(jsondecode(aws_ecs_task_definition.this.container_definitions), 1, 4) :
      container.dependsOn == [{ containerName = "deliver", condition = "SUCCESS" }] && alltrue(container.mountPoints[*].readOnly)
    ])
    error_message = "A server does not wait, or may change its configuration."
  }

  assert {
    condition = toset(flatten([
      for container in jsondecode(aws_ecs_task_definition.this.container_definitions) : container.mountPoints[*].containerPath if container.name != "deliver"
    ])) == toset(["/etc/prometheus", "/etc/alertmanager", "/etc/grafana/provisioning", "/etc/grafana/dashboards"])
    error_message = "A server does not find its configuration."
  }

  assert {
    condition     = aws_ecs_service.this.deployment_maximum_percent == 100
    error_message = "Two tasks at once would tell people twice."
  }

  assert {
    condition = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].secrets == [
      { name = "METRICS_TOKEN", valueFrom = var.metrics_token_parameter_arn },
      { name = "SLACK_WEBHOOK_URL", valueFrom = var.webhook_parameter_arns.slack },
    ]
    error_message = "The token and the webhooks that are set are not handed over."
  }

  assert {
    condition = (
      strcontains(jsondecode(aws_ecs_task_definition.this.container_definitions)[0].command[0], "printf %s \"$METRICS_TOKEN\" > /delivery/prometheus/secrets/metrics-token") &&
      strcontains(jsondecode(aws_ecs_task_definition.this.container_definitions)[0].command[0], "printf %s \"$SLACK_WEBHOOK_URL\" > /delivery/alertmanager/secrets/slack-webhook-url") &&
      !strcontains(jsondecode(aws_ecs_task_definition.this.container_definitions)[0].command[0], "TEAMS")
    )
    error_message = "A secret is not where its server reads it."
  }

  assert {
    condition = [
      for container in jsondecode(aws_ecs_task_definition.this.container_definitions) : container.secrets if container.name == "grafana"
    ][0] == [{ name = "GF_SECURITY_ADMIN_PASSWORD", valueFrom = var.grafana_admin_password_parameter_arn }]
    error_message = "Grafana has its default password."
  }

  assert {
    condition = data.aws_iam_policy_document.execution.statement[1].actions == toset(["ssm:GetParameters"]) && data.aws_iam_policy_document.execution.statement[1].resources == toset([
      var.metrics_token_parameter_arn,
      var.webhook_parameter_arns.slack,
      var.grafana_admin_password_parameter_arn,
    ])
    error_message = "ECS may read other secrets than these."
  }

  assert {
    condition = [for statement in data.aws_iam_policy_document.task.statement : statement.resources if statement.sid != "ForwardPorts"] == [
      toset([module.bundle_bucket.bucket_arn]),
      toset(["${module.bundle_bucket.bucket_arn}/*"]),
    ]
    error_message = "The task may read more than its bundle."
  }

  assert {
    condition = toset(flatten([for statement in data.aws_iam_policy_document.task.statement : tolist(statement.actions)])) == toset([
      "s3:ListBucket",
      "s3:GetObject",
      "ssmmessages:CreateControlChannel",
      "ssmmessages:CreateDataChannel",
      "ssmmessages:OpenControlChannel",
      "ssmmessages:OpenDataChannel",
    ])
    error_message = "The task may do more."
  }
}

run "a_named_network_may_open_the_servers_and_a_customer_key_encrypts_the_logs" {
  command = plan

  variables {
    allowed_cidr_blocks = ["192.0.2.0/24"]
    kms_key_arn         = "arn:aws:kms:eu-west-2:123456789012:key/some-key"
  }

  assert {
    condition     = toset(values(aws_vpc_security_group_ingress_rule.allowed)[*].from_port) == toset([3000, 9090])
    error_message = "The two ports are not open."
  }

  assert {
    condition     = toset(values(aws_vpc_security_group_ingress_rule.allowed)[*].cidr_ipv4) == toset(["192.0.2.0/24"])
    error_message = "Another network is admitted."
  }

  assert {
    condition     = aws_cloudwatch_log_group.this.kms_key_id == var.kms_key_arn
    error_message = "The customer's key is not used."
  }

  assert {
    condition     = data.aws_iam_policy_document.task.statement[2].actions == toset(["kms:Decrypt"]) && data.aws_iam_policy_document.task.statement[2].resources == toset([var.kms_key_arn])
    error_message = "The task cannot read its configuration, or may use the key for more."
  }
}

run "bad_inputs_are_refused" {
  command = plan

  variables {
    environment            = "Dev"
    bundle_dir             = "tests"
    metrics_endpoint       = { host = "https://abc123", path = "/dev/metrics" }
    webhook_parameter_arns = { pager = "arn:aws:ssm:eu-west-2:123456789012:parameter/dev/pager" }
    allowed_cidr_blocks    = ["0.0.0.0/0"]
    vpc_cidr_block         = "10.90.0.0/28"
    images                 = { prometheus = "docker.io/prom/prometheus:latest", alertmanager = "a:1.0.0", grafana = "g:1.0.0", aws_cli = "c:1.0.0" }
    cpu_units              = 256
    memory_mb              = 1000
    metrics_retention_days = 0
    log_retention_days     = 0
    kms_key_arn            = "alias/mine"
  }

  expect_failures = [
    var.environment,
    var.bundle_dir,
    var.metrics_endpoint,
    var.webhook_parameter_arns,
    var.allowed_cidr_blocks,
    var.vpc_cidr_block,
    var.images,
    var.cpu_units,
    var.memory_mb,
    var.metrics_retention_days,
    var.log_retention_days,
    var.kms_key_arn,
  ]
}

# Prometheus, Alertmanager and Grafana, side by side in one task, so that they reach each other at localhost and nobody else does.
data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

data "aws_region" "this" {}

locals {
  name = "${var.environment}-monitoring"

  grafana_port    = 3000
  prometheus_port = 9090

  # The user as which Prometheus and Alertmanager run: nobody.
  reader_id = 65534

  # Each server gets only what is its own: Grafana, say, has no way to the token.
  mounts = {
    prometheus             = { container = "prometheus", path = "/etc/prometheus" }
    alertmanager           = { container = "alertmanager", path = "/etc/alertmanager" }
    "grafana/provisioning" = { container = "grafana", path = "/etc/grafana/provisioning" }
    "grafana/dashboards"   = { container = "grafana", path = "/etc/grafana/dashboards" }
  }
  volumes = { for folder in keys(local.mounts) : folder => replace(folder, "/", "-") }

  secret_files = merge(
    { METRICS_TOKEN = { file = "prometheus/secrets/metrics-token", parameter_arn = var.metrics_token_parameter_arn } },
    {
      for channel, arn in var.webhook_parameter_arns : "${upper(channel)}_WEBHOOK_URL" => {
        file          = "alertmanager/secrets/${channel}-webhook-url"
        parameter_arn = arn
      }
    },
  )

  deliver = join("\n", concat(
    ["set -eu", "umask 022"],
    [for folder in keys(local.mounts) : "aws s3 cp --recursive --only-show-errors s3://${module.bundle_bucket.bucket_name}/${folder}/ /delivery/${folder}/"],
    flatten([
      for variable, secret in local.secret_files : [
        "mkdir -p /delivery/${dirname(secret.file)}",
        format("(umask 377; printf %%s \"$%s\" > /delivery/%s)", variable, secret.file),
        "chown ${local.reader_id}:${local.reader_id} /delivery/${secret.file}",
      ]
    ]),
  ))

  servers = {
    prometheus = {
      image = var.images.prometheus
      command = [
        "--config.file=/etc/prometheus/prometheus.yml",
        "--storage.tsdb.path=/prometheus",
        "--storage.tsdb.retention.time=${var.metrics_retention_days}d",
      ]
      port        = local.prometheus_port
      health_path = "/-/healthy"
      environment = {}
      secrets     = {}
    }
    alertmanager = {
      image       = var.images.alertmanager
      command     = ["--config.file=/etc/alertmanager/alertmanager.yml", "--storage.path=/alertmanager", "--cluster.listen-address="]
      port        = 9093
      health_path = "/-/healthy"
      environment = {}
      secrets     = {}
    }
    grafana = {
      image       = var.images.grafana
      command     = []
      port        = local.grafana_port
      health_path = "/api/health"
      environment = {
        PROMETHEUS_URL                 = "http://localhost:${local.prometheus_port}"
        GF_AUTH_ANONYMOUS_ENABLED      = "false"
        GF_USERS_ALLOW_SIGN_UP         = "false"
        GF_ANALYTICS_REPORTING_ENABLED = "false"
      }
      secrets = { GF_SECURITY_ADMIN_PASSWORD = var.grafana_admin_password_parameter_arn }
    }
  }

  init_container = {
    name       = "deliver"
    image      = var.images.aws_cli
    essential  = false
    entryPoint = ["/bin/sh", "-c"]
    command    = [local.deliver]
    environment = [
      # Another bundle makes another task definition, and so a new task that fetches it.
      { name = "BUNDLE_HASH", value = local.bundle_hash },
    ]
    secrets          = [for variable, secret in local.secret_files : { name = variable, valueFrom = secret.parameter_arn }]
    mountPoints      = [for folder, volume in local.volumes : { sourceVolume = volume, containerPath = "/delivery/${folder}", readOnly = false }]
    logConfiguration = local.logs
  }

  containers = [
    for name, server in local.servers : {
      name             = name
      image            = server.image
      essential        = true
      command          = server.command
      portMappings     = [{ containerPort = server.port, hostPort = server.port, protocol = "tcp" }]
      environment      = [for variable, value in server.environment : { name = variable, value = value }]
      secrets          = [for variable, arn in server.secrets : { name = variable, valueFrom = arn }]
      dependsOn        = [{ containerName = "deliver", condition = "SUCCESS" }]
      linuxParameters  = { initProcessEnabled = true }
      logConfiguration = local.logs
      mountPoints = [
        for folder, mount in local.mounts : { sourceVolume = local.volumes[folder], containerPath = mount.path, readOnly = true }
        if mount.container == name
      ]
      healthCheck = {
        command     = ["CMD-SHELL", "wget -q -O /dev/null http://localhost:${server.port}${server.health_path}"]
        interval    = 30
        timeout     = 5
        retries     = 3
        startPeriod = 60
      }
    }
  ]

  logs = {
    logDriver = "awslogs"
    options = {
      awslogs-group         = aws_cloudwatch_log_group.this.name
      awslogs-region        = data.aws_region.this.name
      awslogs-stream-prefix = "monitoring"
    }
  }
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_158:CloudWatch Logs encrypts with a key of its own unless kms_key_arn names another
  #checkov:skip=CKV_AWS_338:Each environment says how long; what servers log of themselves is for finding faults
  name              = "/aws/ecs/${local.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_ecs_cluster" "this" {
  #checkov:skip=CKV_AWS_65:One task, whose Prometheus watches itself, and an alarm rings when it no longer scrapes; Container Insights would cost more than the task
  name = local.name
}

resource "aws_ecs_task_definition" "this" {
  family                   = local.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.cpu_units
  memory                   = var.memory_mb
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task.arn
  container_definitions    = jsonencode(concat([local.init_container], local.containers))

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "ARM64"
  }

  dynamic "volume" {
    for_each = local.volumes

    content {
      name = volume.value
    }
  }
}

resource "aws_ecs_service" "this" {
  #checkov:skip=CKV_AWS_333:Its security group admits nobody; a private network would need a NAT gateway that costs more than the task
  name            = local.name
  cluster         = aws_ecs_cluster.this.arn
  task_definition = aws_ecs_task_definition.this.arn
  launch_type     = "FARGATE"
  desired_count   = 1
  # Never two at once: each would tell people of the same alert.
  deployment_minimum_healthy_percent = 0
  deployment_maximum_percent         = 100
  # The way in: a port forwarded by Session Manager.
  enable_execute_command = true

  network_configuration {
    subnets          = [for subnet in aws_subnet.public : subnet.id]
    security_groups  = [aws_security_group.this.id]
    assign_public_ip = true
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  depends_on = [aws_iam_role_policy.execution, aws_iam_role_policy.task, aws_route.internet, aws_s3_object.bundle, aws_s3_object.target]
}

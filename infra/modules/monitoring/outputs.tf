locals {
  open = {
    for server, port in { grafana = local.grafana_port, prometheus = local.prometheus_port } : server => <<-EOT
      TASK=$(aws ecs list-tasks --region ${data.aws_region.this.name} --cluster ${local.name} --service-name ${local.name} --query 'taskArns[0]' --output text)
      CONTAINER=$(aws ecs describe-tasks --region ${data.aws_region.this.name} --cluster ${local.name} --tasks $TASK --query "tasks[0].containers[?name=='${server}'].runtimeId" --output text)
      aws ssm start-session --region ${data.aws_region.this.name} --target ecs:${local.name}_$${TASK##*/}_$CONTAINER --document-name AWS-StartPortForwardingSession --parameters portNumber=${port},localPortNumber=${port}
      and open http://localhost:${port}
    EOT
  }
}

output "cluster_name" {
  description = "Name of the ECS cluster and of its service."
  value       = aws_ecs_cluster.this.name
}

output "bundle_bucket_name" {
  description = "Name of the bucket with the servers' configuration."
  value       = module.bundle_bucket.bucket_name
}

output "grafana_access_instructions" {
  description = "How to open Grafana."
  value       = "${local.open.grafana}as admin, with the password in ${regex("parameter(/.*)$", var.grafana_admin_password_parameter_arn)[0]}\n"
}

output "prometheus_access_instructions" {
  description = "How to open Prometheus."
  value       = local.open.prometheus
}

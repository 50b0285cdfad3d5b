mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = {
      json = "{}"
    }
  }

  mock_data "aws_availability_zones" {
    defaults = {
      names = ["eu-west-2a", "eu-west-2b"]
    }
  }
}

# The packages are not built when the inputs are checked.
override_module {
  target = module.pulsequeue.module.function

  outputs = {
    function_arn   = "arn:aws:lambda:eu-west-2:123456789012:function:prod-some-handler"
    invoke_arn     = "arn:aws:apigateway:eu-west-2:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-2:123456789012:function:prod-some-handler/invocations"
    function_name  = "prod-some-handler"
    log_group_name = "/aws/lambda/prod-some-handler"
  }
}

override_module {
  target = module.pulsequeue.module.metrics_api

  outputs = {
    api_id    = "abc123"
    stage_url = "https://abc123.execute-api.eu-west-2.amazonaws.com/prod"
  }
}

variables {
  packages_dir = "packages"
}

run "nobody_watches_unless_asked_for" {
  command = plan

  assert {
    condition     = strcontains(output.grafana_access_instructions, "No Grafana runs here")
    error_message = "Containers run where nobody asked for them."
  }
}

run "production_can_be_watched" {
  command = plan

  variables {
    monitoring_enabled = true
    alert_channels     = ["slack"]
    alarm_email        = "ops@example.org"
    runbook_url        = "https://git.example/pulsequeue/runbook.md"
  }

  assert {
    condition     = strcontains(output.grafana_access_instructions, "aws ssm start-session")
    error_message = "Monitoring does not run."
  }

  assert {
    condition     = output.deployment.runbook_url == "https://git.example/pulsequeue/runbook.md"
    error_message = "Nothing links to the runbook."
  }
}

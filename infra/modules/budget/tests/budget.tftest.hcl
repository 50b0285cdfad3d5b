mock_provider "aws" {}

variables {
  name      = "dev-monthly"
  limit_usd = 50
  emails    = ["ops@example.org"]
}

run "the_whole_account_has_a_monthly_limit_and_people_hear_before_and_when_it_is_reached" {
  command = plan

  assert {
    condition = (
      aws_budgets_budget.this.budget_type == "COST" && aws_budgets_budget.this.time_unit == "MONTHLY" &&
      aws_budgets_budget.this.limit_amount == "50" && aws_budgets_budget.this.limit_unit == "USD"
    )
    error_message = "The budget is not 50 dollars a month."
  }

  assert {
    condition = toset([for notification in aws_budgets_budget.this.notification : "${notification.notification_type} ${notification.threshold} ${notification.threshold_type}"]) == toset([
      "ACTUAL 80 PERCENTAGE",
      "ACTUAL 100 PERCENTAGE",
      "FORECASTED 100 PERCENTAGE",
    ])
    error_message = "Nobody hears of it in time."
  }

  assert {
    condition     = alltrue([for notification in aws_budgets_budget.this.notification : notification.subscriber_email_addresses == toset(var.emails)])
    error_message = "Somebody else hears of it."
  }

  assert {
    condition     = length(aws_budgets_budget.this.cost_filter) == 0
    error_message = "Costs without a tag are left out."
  }
}

run "a_tag_leaves_out_the_rest" {
  command = plan

  variables {
    tag = { key = "Environment", value = "dev" }
  }

  assert {
    condition     = one(aws_budgets_budget.this.cost_filter).name == "TagKeyValue" && one(aws_budgets_budget.this.cost_filter).values == tolist(["user:Environment$dev"])
    error_message = "The filter is not the tag."
  }
}

run "bad_inputs_are_refused" {
  command = plan

  variables {
    name       = "no spaces"
    limit_usd  = 0
    topic_arns = ["alarms"]
  }

  expect_failures = [
    var.name,
    var.limit_usd,
    var.topic_arns,
  ]
}

run "what_is_no_address_is_refused" {
  command = plan

  variables {
    emails = ["nobody"]
  }

  expect_failures = [var.emails]
}

run "a_budget_that_tells_nobody_is_refused" {
  command = plan

  variables {
    emails = []
  }

  expect_failures = [var.emails]
}

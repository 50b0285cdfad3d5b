# Each run has the variables alone, as in modules/pulsequeue.
variables {
  packages_dir = "packages"
}

run "production_is_refused" {
  command = plan

  module {
    source = "./tests/variables"
  }

  variables {
    environment = "production"
  }

  expect_failures = [var.environment]
}

run "staging_is_refused" {
  command = plan

  module {
    source = "./tests/variables"
  }

  variables {
    environment = "staging"
  }

  expect_failures = [var.environment]
}

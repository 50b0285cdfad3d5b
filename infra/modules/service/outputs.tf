# One output: what reads all of a module waits for all of it, for the queues' policies too.
output "service" {
  description = "The service as others need it: its functions, its queue and its dead letters by their short names, whether it writes deadlines."
  value = {
    name             = var.name
    writes_deadlines = var.commits != null && try(var.commits.have_deadlines, false)

    functions = merge(
      local.has_handler ? {
        (var.name) = {
          name            = module.handler[0].function_name
          log_group       = module.handler[0].log_group_name
          timeout_seconds = local.timeout_seconds
          queue           = local.has_queue ? local.short_name : null
          schedule        = local.has_schedule ? module.schedule[0].rule_name : null
          serves          = var.serves_by_handler
          writes_commits  = local.handler_commits
        }
      } : {},
      local.has_api ? {
        "${var.name}-api" = {
          name            = module.api[0].function_name
          log_group       = module.api[0].log_group_name
          timeout_seconds = var.system.timeout_seconds
          queue           = null
          schedule        = null
          serves          = true
          writes_commits  = var.commits != null
        }
      } : {},
      local.has_trigger ? {
        "${var.name}-trigger" = {
          name            = module.trigger[0].function_name
          log_group       = module.trigger[0].log_group_name
          timeout_seconds = local.trigger_timeout_seconds
          queue           = null
          schedule        = null
          serves          = false
          writes_commits  = var.commits != null
        }
      } : {},
    )

    queues = local.has_queue ? {
      (local.short_name) = {
        name         = module.queue[0].queue_name
        url          = module.queue[0].queue_url
        arn          = module.queue[0].queue_arn
        service      = var.name
        dead_letters = local.short_name
        owns         = var.owns
      }
    } : {}

    dead_letters = merge(
      local.has_queue ? {
        (local.short_name) = {
          name = module.queue[0].dead_letter_queue_name
          url  = module.queue[0].dead_letter_queue_url
          arn  = module.queue[0].dead_letter_queue_arn
        }
      } : {},
      local.has_stream ? {
        (var.stream.dead_letters) = {
          name = module.stream_dead_letter_queue[0].queue_name
          url  = module.stream_dead_letter_queue[0].queue_url
          arn  = module.stream_dead_letter_queue[0].queue_arn
        }
      } : {},
      local.has_schedule ? {
        (var.schedule.dead_letters) = {
          name = module.schedule_dead_letter_queue[0].queue_name
          url  = module.schedule_dead_letter_queue[0].queue_url
          arn  = module.schedule_dead_letter_queue[0].queue_arn
        }
      } : {},
    )
  }
}

# Of its own, as the user pool waits for it, and all else of a service may wait for the user pool.
output "trigger" {
  description = "The function that Cognito calls, as modules/cognito needs it; null without one."
  value = one([for trigger in module.trigger : {
    function_name = trigger.function_name
    function_arn  = trigger.function_arn
    role_name     = trigger.role_name
  }])
}

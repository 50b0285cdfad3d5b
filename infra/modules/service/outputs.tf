# One output: what reads all of a module waits for all of it, for the queues' policies too.
output "service" {
  description = "The service as others need it: its function, its queue and its dead letters by their short names, whether it writes commits and deadlines."
  value = {
    name             = var.name
    writes_deadlines = var.commits != null && try(var.commits.have_deadlines, false)

    function = {
      name            = module.function.function_name
      log_group       = module.function.log_group_name
      timeout_seconds = local.timeout_seconds
      queue           = local.has_queue ? local.short_name : null
      schedule        = local.has_schedule ? module.schedule[0].rule_name : null
      writes_commits  = var.commits != null
    }

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

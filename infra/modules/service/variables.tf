variable "name" {
  description = "Name of the service, as of its folder below services/: its functions are {env}-{name}-handler, -api and -trigger."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+(-[a-z]+)*$", var.name))
    error_message = "A service's name is lower case words with dashes, like \"order-service\"."
  }
}

variable "system" {
  description = "What every service of an environment is given: its place, and how its function runs unless told otherwise."
  type = object({
    environment              = string
    packages_dir             = string
    permissions_boundary_arn = string
    kms_key_arn              = string
    log_level                = string
    log_retention_days       = number
    memory_mb                = number
    timeout_seconds          = number
    batch                    = object({ size = number, window_seconds = number, maximum_concurrency = number })
  })
}

variable "listens_to" {
  description = "The events that the service gets, by the name of their rule without the environment. With any it has a queue, named as the service is without \"-service\", and dead letters."
  type = map(object({
    bus    = object({ name = string, source = string })
    events = list(string)
  }))
  default = {}
}

variable "topics" {
  description = "ARNs of SNS topics that send to the queue too, by a name for each."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(var.topics) == 0 || local.has_queue
    error_message = "A topic sends to a queue: set has_queue where the service listens to nothing else."
  }
}

variable "has_queue" {
  description = "Whether the service has a queue: if it listens to events, unless told otherwise. Said and not seen from the topics, so that the queue need not wait for them and their key."
  type        = bool
  default     = null
}

variable "stream" {
  description = "The DynamoDB stream whose inserts the service reads, and what the dead letters of it are called. None by default."
  type        = object({ arn = string, dead_letters = string })
  default     = null
}

variable "schedule" {
  description = "When the service runs by itself: the rule's name without the environment, an expression like rate(1 minute), and what the dead letters of it are called. Never by default."
  type        = object({ name = string, expression = string, dead_letters = string })
  default     = null
}

variable "serves" {
  description = "The routes that the service answers, such as \"GET /v1/products/{sku}\", and the HTTP API that has them: those for everybody, and those for callers whom the API's authorizer lets through. None by default."
  type = object({
    api       = object({ api_id = string, execution_arn = string, stage_name = string, authorizer_id = optional(string) })
    public    = optional(set(string), [])
    signed_in = optional(set(string), [])
  })
  default = null

  validation {
    condition     = alltrue([for route in flatten([for serves in var.serves[*] : setunion(serves.public, serves.signed_in)]) : can(regex("^(GET|POST|PUT|PATCH|DELETE|HEAD) (/([A-Za-z0-9._-]+|{[A-Za-z]+}))+$", route))])
    error_message = "A route is one method and one path, like \"GET /v1/products/{sku}\"."
  }

  validation {
    condition     = alltrue([for serves in var.serves[*] : length(setintersection(serves.public, serves.signed_in)) == 0])
    error_message = "A route is for everybody, or for those who are signed in."
  }

  validation {
    condition     = alltrue([for serves in var.serves[*] : length(serves.signed_in) == 0 || serves.api.authorizer_id != null])
    error_message = "A route for those who are signed in needs an API with an authorizer."
  }
}

variable "serves_by_handler" {
  description = "Whether the function -handler answers the routes, and there is none -api."
  type        = bool
  default     = false
}

variable "trigger" {
  description = "That Cognito calls the service, the environment variables of the function -trigger beyond those that follow from the rest, and what its role may do beyond its commits: as of may. Not by default."
  type = object({
    told = optional(map(string), {})
    may = optional(map(object({
      actions   = list(string)
      resources = list(string)
      conditions = optional(list(object({
        test     = string
        variable = string
        values   = list(string)
      })), [])
    })), {})
  })
  default = null
}

variable "commits" {
  description = "The store that the service writes commits to, whether a business counter counts them, whether they move stock or have deadlines, whether an erased customer can have them no more, and whether -handler writes them too: it is told the tables, and may do what such a transaction does. None by default."
  type = object({
    store = object({
      event_store = object({ table_name = string, table_arn = string })
      inventory   = object({ table_name = string, table_arn = string })
      metrics     = object({ table_name = string, table_arn = string })
      deadline    = object({ table_name = string, table_arn = string })
      keys        = object({ table_name = string, table_arn = string })
    })
    count          = optional(bool, true)
    move_stock     = optional(bool, false)
    have_deadlines = optional(bool, false)
    of_customers   = optional(bool, false)
    by_handler     = optional(bool, true)
  })
  default = null
}

variable "owns" {
  description = "Kinds of the streams that the service looks after, such as \"order\": its queue gets what is due of them."
  type        = set(string)
  default     = []

  validation {
    condition     = length(var.owns) == 0 || local.has_queue
    error_message = "What is due is sent to a queue: set has_queue where the service that owns streams listens to nothing."
  }
}

variable "told" {
  description = "Environment variables of the function -handler, beyond those that follow from the rest."
  type        = map(string)
  default     = {}
}

variable "may" {
  description = "What the role of -handler may do, beyond what follows from the rest: own actions on own ARNs, by the statement's id."
  type = map(object({
    actions   = list(string)
    resources = list(string)
    conditions = optional(list(object({
      test     = string
      variable = string
      values   = list(string)
    })), [])
  }))
  default = {}
}

variable "api_told" {
  description = "Environment variables of the function -api, beyond those that follow from the rest."
  type        = map(string)
  default     = {}
}

variable "api_may" {
  description = "What the role of -api may do, beyond its commits: as of may."
  type = map(object({
    actions   = list(string)
    resources = list(string)
    conditions = optional(list(object({
      test     = string
      variable = string
      values   = list(string)
    })), [])
  }))
  default = {}
}

variable "timeout_seconds" {
  description = "Seconds after which an invocation of -handler is cut off; the queue's visibility timeout follows from it. As the system says by default."
  type        = number
  default     = null
}

variable "batch" {
  description = "How the function takes messages off its queue. As the system says by default."
  type        = object({ size = number, window_seconds = optional(number, 0), maximum_concurrency = number })
  default     = null
}

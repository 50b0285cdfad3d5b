variable "name" {
  description = "Name of the API, and of its log group below /aws/vendedlogs/apigateway/."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,100}$", var.name))
    error_message = "An API's name has 1 to 100 letters, digits, dashes or underscores."
  }
}

variable "description" {
  description = "What the API is for."
  type        = string
  default     = null
}

variable "stage_name" {
  description = "Name of the API's one stage: the first part of every path."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,64}$", var.stage_name))
    error_message = "A stage's name has 1 to 64 letters, digits, dashes or underscores."
  }
}

variable "authorizer" {
  description = "Who issues the tokens that callers of signed-in routes bring, an OpenID provider's URL, and to which clients. No such routes by default."
  type        = object({ issuer = string, client_ids = list(string) })
  default     = null

  validation {
    condition     = alltrue([for authorizer in var.authorizer[*] : startswith(authorizer.issuer, "https://") && length(authorizer.client_ids) > 0])
    error_message = "An authorizer has an issuer's URL, and one client at least."
  }
}

variable "cors_origins" {
  description = "Origins whose pages may call the API from a browser, such as https://shop.example. None by default."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for origin in var.cors_origins : can(regex("^https://[a-z0-9.-]+(:[0-9]+)?$", origin)) || can(regex("^http://localhost(:[0-9]+)?$", origin))])
    error_message = "An origin is https:// and a host, without a path and a wildcard, or http://localhost with a port."
  }
}

variable "requests_per_second" {
  description = "Requests a second to a route that are let through in the long run."
  type        = number
  default     = 5

  validation {
    condition     = var.requests_per_second > 0 && var.requests_per_second <= 10000
    error_message = "An API lets through up to 10000 requests a second, and more than none."
  }
}

variable "burst_requests" {
  description = "Requests to a route that are let through at once."
  type        = number
  default     = 10

  validation {
    condition     = var.burst_requests >= 1 && var.burst_requests <= 5000
    error_message = "A burst is 1 to 5000 requests."
  }
}

variable "log_retention_days" {
  description = "Days for which the access logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400], var.log_retention_days)
    error_message = "CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365 or 400 days."
  }
}

variable "kms_key_arn" {
  description = "Customer managed key that encrypts the access logs; it must admit CloudWatch Logs. CloudWatch's own key by default."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[^:]+:kms:", var.kms_key_arn))
    error_message = "kms_key_arn is the ARN of a KMS key."
  }
}

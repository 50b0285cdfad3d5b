variable "name" {
  description = "Name of the budget."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,100}$", var.name))
    error_message = "A budget's name has 1 to 100 letters, digits, dashes or underscores."
  }
}

variable "limit_usd" {
  description = "What a month may cost, in US dollars."
  type        = number

  validation {
    condition     = var.limit_usd > 0
    error_message = "A month may cost more than nothing."
  }
}

variable "emails" {
  description = "Who is told by e-mail."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for email in var.emails : can(regex("^[^@\\s]+@[^@\\s]+$", email))])
    error_message = "emails are e-mail addresses."
  }

  validation {
    condition     = length(var.emails) + length(var.topic_arns) > 0 && length(var.emails) <= 10
    error_message = "A budget that tells nobody is of no use; it tells 10 addresses at most."
  }
}

variable "topic_arns" {
  description = "ARN of the SNS topic that is told, none or one; its policy must admit budgets.amazonaws.com."
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.topic_arns) <= 1 && alltrue([for arn in var.topic_arns : can(regex("^arn:[^:]+:sns:", arn))])
    error_message = "topic_arns is the ARN of one SNS topic, or none."
  }
}

variable "tag" {
  description = "Counts only what has this tag, which must be a cost allocation tag of the account: one that is not activated counts nothing. All of the account by default."
  type        = object({ key = string, value = string })
  default     = null
}

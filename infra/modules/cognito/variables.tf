variable "name" {
  description = "Name of the user pool."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9-]{1,100}$", var.name))
    error_message = "A user pool's name has 1 to 100 lower case letters, digits or dashes."
  }
}

variable "trigger" {
  description = "The function that adds claims to each token: Cognito may call it, and its role may write the attributes of the pool's users."
  type        = object({ function_name = string, function_arn = string, role_name = string })
}

variable "groups" {
  description = "Groups of users, which an access token names, and what each is for."
  type        = map(string)
  default     = {}
}

variable "mfa" {
  description = "Whether a second factor, an app's code, is asked for: OFF, OPTIONAL for those who set it up, or ON for all."
  type        = string
  default     = "OPTIONAL"

  validation {
    condition     = contains(["OFF", "OPTIONAL", "ON"], var.mfa)
    error_message = "mfa is OFF, OPTIONAL or ON."
  }
}

variable "access_token_minutes" {
  description = "Minutes for which an access or id token is good; nobody can take one back sooner."
  type        = number
  default     = 15

  validation {
    condition     = var.access_token_minutes >= 5 && var.access_token_minutes <= 1440
    error_message = "A token is good for 5 to 1440 minutes."
  }
}

variable "refresh_token_days" {
  description = "Days for which one who has signed in gets new tokens without a password."
  type        = number
  default     = 30

  validation {
    condition     = var.refresh_token_days >= 1 && var.refresh_token_days <= 3650
    error_message = "A refresh token is good for 1 to 3650 days."
  }
}

variable "deletion_protection" {
  description = "Whether the pool refuses to be deleted."
  type        = bool
  default     = true
}

variable "prefix" {
  description = "Makes the state bucket's name unique: {prefix}-terraform-state."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,46}$", var.prefix))
    error_message = "A prefix has 2 to 47 lower case letters, digits or dashes, and does not start with a dash."
  }
}

variable "region" {
  description = "AWS region of the bucket."
  type        = string
  default     = "eu-west-2"
}

variable "environment" {
  description = "Name of the environment whose state the bucket holds: the first part of every name in it."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.environment))
    error_message = "An environment's name has 2 to 20 lower case letters, digits or dashes, and starts with a letter."
  }
}

variable "github_repository" {
  description = "Whose GitHub Actions may deploy, OWNER/REPO, or OWNER@ID/REPO@ID where GitHub's tokens name it so; null: nobody's."
  type        = string
  default     = null

  validation {
    # A wildcard here would let other repositories in.
    condition     = var.github_repository == null ? true : can(regex("^[A-Za-z0-9-]+(@[0-9]+)?/[A-Za-z0-9._-]+(@[0-9]+)?$", var.github_repository))
    error_message = "A repository is named as OWNER/REPO, or as OWNER@ID/REPO@ID."
  }
}

variable "create_github_provider" {
  description = "Whether to make the account's OIDC provider for GitHub Actions, or keep it if it was made here: false would destroy it for all."
  type        = bool
  default     = false
}

variable "kms_key_arn" {
  description = "Customer managed key that encrypts the state, which whoever plans must be allowed to use. S3's own key by default."
  type        = string
  default     = null
}

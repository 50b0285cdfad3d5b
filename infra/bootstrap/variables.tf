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

variable "kms_key_arn" {
  description = "Customer managed key that encrypts the state, which whoever plans must be allowed to use. S3's own key by default."
  type        = string
  default     = null
}

variable "environment" {
  description = "Name of the environment: the first part of every name in it."
  type        = string

  validation {
    condition     = !contains(["staging", "prod", "production"], var.environment)
    error_message = "This root is for development: it lets a test force a payment's result, and does not protect its tables."
  }
}

variable "region" {
  description = "AWS region of the environment."
  type        = string
  default     = "eu-west-2"
}

variable "packages_dir" {
  description = "Folder of the functions' zips."
  type        = string
}

variable "permissions_boundary_arn" {
  description = "Policy that the functions' roles are bound by: where infra/bootstrap lets GitHub Actions deploy."
  type        = string
  default     = null
}

variable "settings" {
  description = "Settings of modules/pulsequeue for a while, such as TF_VAR_settings='{\"payment_success_rate\": 1}'."
  type        = any
  default     = {}
}

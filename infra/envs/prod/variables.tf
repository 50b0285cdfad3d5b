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

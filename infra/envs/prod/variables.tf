variable "region" {
  description = "AWS region of the environment."
  type        = string
  default     = "eu-west-2"
}

variable "packages_dir" {
  description = "Folder of the functions' zips."
  type        = string
}

variable "customer_key" {
  description = "Whether a KMS key of your own encrypts what is kept and what waits, in place of AWS's keys. It costs a dollar a month, and its requests."
  type        = bool
  default     = false
  nullable    = false
}

variable "budget" {
  description = "What a month may cost in US dollars, and who is told at 80 %, at all of it, and when that is forecast. The whole account counts, or own_costs_only: what has the tag Environment, which must be activated as a cost allocation tag first. None by default."
  type = object({
    limit_usd      = number
    emails         = optional(list(string), [])
    topic_arns     = optional(list(string), [])
    own_costs_only = optional(bool, false)
  })
  default = null
}

variable "name" {
  description = "Name of the table."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{3,255}$", var.name))
    error_message = "A table's name has 3 to 255 letters, digits, dots, dashes or underscores."
  }
}

variable "hash_key" {
  description = "Partition key: its name and type (S, N or B)."
  type        = object({ name = string, type = string })

  validation {
    condition     = contains(["S", "N", "B"], var.hash_key.type)
    error_message = "A key's type is S, N or B."
  }
}

variable "range_key" {
  description = "Sort key: its name and type (S, N or B). None by default."
  type        = object({ name = string, type = string })
  default     = null

  validation {
    condition     = alltrue([for key in var.range_key[*] : contains(["S", "N", "B"], key.type)])
    error_message = "A key's type is S, N or B."
  }
}

variable "indexes" {
  description = "Global secondary indexes by name: their keys, and what they include of an item beside the keys. An item is in an index if it has both of its keys. A write that changes nothing of this costs nothing there."
  type = map(object({
    hash_key  = object({ name = string, type = string })
    range_key = object({ name = string, type = string })
    includes  = set(string)
  }))
  default = {}

  validation {
    condition     = alltrue([for index in var.indexes : alltrue([for key in [index.hash_key, index.range_key] : contains(["S", "N", "B"], key.type)])])
    error_message = "A key's type is S, N or B."
  }

  validation {
    condition     = alltrue([for index in var.indexes : length(index.includes) >= 1 && length(index.includes) <= 20])
    error_message = "An index includes 1 to 20 attributes."
  }

  validation {
    condition     = length(distinct(flatten([for index in var.indexes : [index.hash_key, index.range_key]]))) == length(distinct(flatten([for index in var.indexes : [index.hash_key.name, index.range_key.name]])))
    error_message = "A key has one type in all indexes."
  }
}

variable "ttl_attribute" {
  description = "Attribute with the time, in seconds since 1970, after which DynamoDB removes an item. None by default."
  type        = string
  default     = null

  validation {
    condition     = try(length(var.ttl_attribute) >= 1 && length(var.ttl_attribute) <= 255, var.ttl_attribute == null)
    error_message = "An attribute's name has 1 to 255 characters."
  }
}

variable "stream_enabled" {
  description = "Whether the table has a stream of its new images."
  type        = bool
  default     = false
}

variable "point_in_time_recovery" {
  description = "Whether the table can be restored as of any second of the last 35 days."
  type        = bool
  default     = true
}

variable "deletion_protection" {
  description = "Whether the table refuses to be deleted."
  type        = bool
  default     = true
}

variable "kms_key_arn" {
  description = "Customer managed key that encrypts the table. The AWS managed key by default."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[^:]+:kms:", var.kms_key_arn))
    error_message = "kms_key_arn is the ARN of a KMS key."
  }
}

terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # The bucket differs between accounts, and the embedded AWS needs more: init gives the settings.
  backend "s3" {}
}

provider "aws" {
  region = var.region

  default_tags {
    tags = {
      Project     = "PulseQueue"
      Environment = "prod"
      ManagedBy   = "Terraform"
    }
  }
}

# The controller

variable "installation" {
  description = "The name of this controller. It is a part of the tags on every resource, so never change it."
  type        = string
  default     = "production"
  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{0,19}$", var.installation))
    error_message = "Use 1 to 20 of a-z 0-9 and -, beginning with a letter or digit."
  }
}

variable "image" {
  description = "The image of the controller, with a tag or, better, a digest."
  type        = string
  validation {
    condition     = length(var.image) > 0
    error_message = "Give an image."
  }
}

variable "cpu_architecture" {
  description = "The processor that the image is built for."
  type        = string
  default     = "X86_64"
  validation {
    condition     = contains(["X86_64", "ARM64"], var.cpu_architecture)
    error_message = "Use X86_64 or ARM64."
  }
}

variable "cpu" {
  description = "CPU units."
  type        = number
  default     = 256
}

variable "memory" {
  description = "MiB. Fargate does not offer each size with each cpu; 512 and 1024 go with 256."
  type        = number
  default     = 512
}

variable "enforce" {
  description = "Whether the controller may write. Without it, it reads and reports only."
  type        = bool
  default     = false
}

variable "config_file" {
  description = "The path of a config file in the image, for settings that no variable can hold."
  type        = string
  default     = ""
}

variable "policies" {
  description = "What the roles may do: for each mode, the decoded output of `ecsync permissions`, a policy or a list of them."
  type        = any
  default     = {}
  validation {
    condition     = length(setsubtract(keys(var.policies), ["observe", "apply", "prune"])) == 0
    error_message = "The modes are observe, apply and prune."
  }
}

# The manifests

variable "manifests" {
  description = "Where the manifests are: git+https://host/org/repo.git@main#subdirectory=FOLDER, or s3://bucket/prefix. Empty, the module has a bucket for them."
  type        = string
  default     = ""
  validation {
    condition     = can(regex("^(git\\+(https|ssh)://.+|s3://.+)?$", var.manifests))
    error_message = "Use git+https://…, git+ssh://… or s3://bucket/prefix."
  }
}

variable "git_token_secret" {
  description = "The ARN of a secret in Secrets Manager with the token for a private git repository."
  type        = string
  default     = ""
}

variable "github_repository" {
  description = "The repository (owner/name) with workflows that publish to the bucket, without any stored key. Empty, there is no such role."
  type        = string
  default     = ""
}

variable "github_ref" {
  description = "Only workflows of this branch or tag may publish."
  type        = string
  default     = "refs/heads/main"
  validation {
    condition     = can(regex("^refs/(heads|tags)/[A-Za-z0-9_./-]+$", var.github_ref))
    error_message = "Use refs/heads/BRANCH or refs/tags/TAG, without a wildcard."
  }
}

variable "github_oidc_provider" {
  description = "The ARN of the identity provider of GitHub in this account. An account has at most one. Empty, the module creates it."
  type        = string
  default     = ""
}

# The network

variable "vpc_id" {
  type = string
}

variable "subnet_ids" {
  description = "Subnets from which AWS's endpoints, and the git server, can be reached."
  type        = list(string)
}

variable "assign_public_ip" {
  description = "Needed in subnets without a NAT gateway and without VPC endpoints."
  type        = bool
  default     = false
}

variable "metrics_cidr" {
  description = "The addresses that may read metrics and the API (port 8080), which has no login. Empty, nothing reaches the task from outside."
  type        = string
  default     = ""
}

# The operation

variable "cluster" {
  description = "The name of an existing cluster. Empty, the module creates one."
  type        = string
  default     = ""
}

variable "log_retention_days" {
  type    = number
  default = 30
}

variable "alarms" {
  description = "Whether the controller writes metrics for CloudWatch, and alarms watch them. CloudWatch charges for both."
  type        = bool
  default     = true
}

variable "alarm_topic" {
  description = "The ARN of an SNS topic for the alarms. Empty, they only change their state."
  type        = string
  default     = ""
}

variable "permissions_boundary" {
  description = "The ARN of a permissions boundary for every role."
  type        = string
  default     = null
}

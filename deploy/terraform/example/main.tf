# The controller in the default VPC, with the policies that `ecsync permissions` has printed beside this file.

variable "image" {
  type = string
}

variable "enforce" {
  type    = bool
  default = false
}

data "aws_vpc" "default" {
  default = true
}

data "aws_subnets" "default" {
  filter {
    name   = "vpc-id"
    values = [data.aws_vpc.default.id]
  }
}

module "ecsync" {
  source           = "./.."
  installation     = "production"
  image            = var.image
  enforce          = var.enforce
  vpc_id           = data.aws_vpc.default.id
  subnet_ids       = data.aws_subnets.default.ids
  assign_public_ip = true
  # Without the files, the roles may do nothing with your applications yet.
  policies = {
    for mode in ["observe", "apply", "prune"] : mode => jsondecode(file("${path.module}/${mode}.json"))
    if fileexists("${path.module}/${mode}.json")
  }
}

output "source" {
  value = module.ecsync.source
}

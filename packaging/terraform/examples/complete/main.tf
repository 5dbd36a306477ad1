# A fleet in a VPC that exists: cluster, instances, service, alarms, schedule.

terraform {
  required_version = ">= 1.5"
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "instance_subnets" {
  description = "Private subnets with a NAT gateway."
  type        = list(string)
}

variable "balancer_subnets" {
  description = "Two or more subnets in different zones."
  type        = list(string)
}

variable "muster" {
  description = "Address and checksum of the muster binary."
  type        = object({ url = string, sha256 = string })
}

module "fleet" {
  source = "../.."

  name             = "web"
  vpc_id           = var.vpc_id
  instance_subnets = var.instance_subnets
  balancer_subnets = var.balancer_subnets
  muster_url       = var.muster.url
  muster_sha256    = var.muster.sha256

  instance_type = "m7i.large"
  environment   = { JAVA_OPTS = "-Xmx1g" }
  memory        = 1536

  sleep_cron = "0 20 ? * MON-FRI *"
  wake_cron  = "0 6 ? * MON-FRI *"
  time_zone  = "Europe/Berlin"
}

output "url" {
  description = "The service."
  value       = module.fleet.url
}

variable "cluster_name" {
  description = "Name of the ECS cluster that the instances join."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,255}$", var.cluster_name))
    error_message = "cluster_name is the name of a cluster, not its ARN."
  }
}

variable "cluster_arn" {
  description = "ARN of the same cluster."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:ecs:.+:cluster/.+$", var.cluster_arn))
    error_message = "cluster_arn is the ARN of an ECS cluster."
  }
}

variable "group_name" {
  description = "Name of the Auto Scaling group. It must have the tag muster:cluster with the name of the cluster."
  type        = string
  nullable    = false
}

variable "muster_url" {
  description = "The https address of the muster binary for user data to fetch, without credentials; or baked, where the AMI has the package."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^(baked|https://[^']+)$", var.muster_url))
    error_message = "muster_url is an https address, or baked."
  }
}

variable "muster_sha256" {
  description = "Checksum of that binary. Required unless muster_url is baked."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([0-9a-f]{64})?$", var.muster_sha256))
    error_message = "muster_sha256 is 64 hexadecimal digits."
  }
}

variable "await_service" {
  description = "Name of an ECS service. An instance is ready once a task of it is healthy on the instance. Empty: once the instance has registered."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{0,255}$", var.await_service))
    error_message = "await_service is the name of a service, not its ARN."
  }
}

variable "replication_ports" {
  description = "Profiles and ports that muster evaluates, as for muster ports --ports. Empty: none."
  type        = string
  default     = "ignite2"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9,/:+-]*$", var.replication_ports))
    error_message = "replication_ports is a list such as ignite2,tcp/9000-9009."
  }
}

variable "launch_hook" {
  description = "Name of the launch lifecycle hook of the group that muster completes. Empty: the group has none."
  type        = string
  default     = "ready"
  nullable    = false
}

variable "balancer" {
  description = "Name or ARN of the load balancer whose way to the instance muster evaluates, too. Empty: none."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9:/_-]*$", var.balancer))
    error_message = "balancer is the name or the ARN of a load balancer."
  }
}

variable "target_port" {
  description = "The port that the load balancer connects to, such as 8080; or dynamic, where containers have hostPort 0."
  type        = string
  default     = "dynamic"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9,-]+$", var.target_port))
    error_message = "target_port is a list of ports and ranges such as 8080,8443, or dynamic."
  }
}

variable "gate" {
  description = "Attribute that muster sets to open on the container instance while its ports are open, such as muster.ports. Empty: none."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9._/-]*$", var.gate))
    error_message = "gate is the name of an attribute, such as muster.ports."
  }
}

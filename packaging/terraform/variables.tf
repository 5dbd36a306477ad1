variable "name" {
  description = "Name of everything that the module makes; the Auto Scaling group is NAME-workers, the service NAME-app."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9-]{0,22}$", var.name))
    error_message = "name begins with a letter and has at most 23 letters, digits and hyphens: a load balancer's name has at most 32."
  }
}

variable "vpc_id" {
  description = "VPC where everything runs."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^vpc-[0-9a-f]+$", var.vpc_id))
    error_message = "vpc_id is an id such as vpc-0123456789abcdef0."
  }
}

variable "instance_subnets" {
  description = "Private subnets with a NAT gateway; or with the VPC endpoints ecs, ecs-agent, ecs-telemetry, ecr.api, ecr.dkr, s3, logs, monitoring, events, autoscaling and ec2, and an image in ECR."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.instance_subnets) > 0 && alltrue([for s in var.instance_subnets : can(regex("^subnet-[0-9a-f]+$", s))])
    error_message = "instance_subnets is a list of subnet ids."
  }
}

variable "balancer_subnets" {
  description = "Two or more subnets of the load balancer in different zones."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.balancer_subnets) > 1 && alltrue([for s in var.balancer_subnets : can(regex("^subnet-[0-9a-f]+$", s))])
    error_message = "balancer_subnets is a list of two or more subnet ids."
  }
}

variable "client_cidr" {
  description = "Clients that can reach the load balancer."
  type        = string
  default     = "10.0.0.0/8"
  nullable    = false

  validation {
    condition     = can(cidrhost(var.client_cidr, 0))
    error_message = "client_cidr is a range such as 10.0.0.0/8."
  }
}

variable "certificate" {
  description = "ARN of a certificate in ACM: the load balancer then serves HTTPS on 443 and redirects port 80. Empty: HTTP on port 80."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^(arn:aws[a-z-]*:acm:.+)?$", var.certificate))
    error_message = "certificate is the ARN of a certificate in ACM."
  }
}

variable "ami" {
  description = "SSM parameter of the ECS-optimized AMI for x86-64, or of an image with muster baked in."
  type        = string
  default     = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id"
  nullable    = false
}

variable "ami_arm64" {
  description = "The same for instance types with an AWS Graviton CPU. The instance type decides which of the two is used."
  type        = string
  default     = "/aws/service/ecs/optimized-ami/amazon-linux-2023/arm64/recommended/image_id"
  nullable    = false
}

variable "instance_type" {
  description = "EC2 instance type."
  type        = string
  default     = "m7i.large"
  nullable    = false
}

variable "instances" {
  description = "Number of instances when the fleet is awake."
  type        = number
  default     = 3
  nullable    = false

  validation {
    condition     = var.instances >= 0 && floor(var.instances) == var.instances
    error_message = "instances is a count."
  }
}

variable "max_instances" {
  description = "At least 2: an update keeps one instance in service while it replaces another."
  type        = number
  default     = 6
  nullable    = false

  validation {
    condition     = var.max_instances >= 2 && floor(var.max_instances) == var.max_instances
    error_message = "max_instances is 2 or more."
  }
}

variable "managed_scaling" {
  description = "true: ECS adds and removes instances as tasks need them, up to max_instances. false: the group has the size of instances."
  type        = bool
  default     = false
  nullable    = false
}

variable "warm_pool" {
  description = "Keep stopped instances ready. Not with managed_scaling."
  type        = bool
  default     = false
  nullable    = false
}

variable "await_service" {
  description = "true: an instance is ready once a task of the service is healthy on it. false: once it has registered."
  type        = bool
  default     = true
  nullable    = false
}

variable "volume_size" {
  description = "Size of the root volume in GiB, encrypted gp3. The ECS-optimized AMI needs 30."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.volume_size >= 30 && var.volume_size <= 16384
    error_message = "volume_size is between 30 and 16384."
  }
}

variable "volume_device" {
  description = "The root device of the AMI: /dev/xvda for Amazon Linux, /dev/sda1 for Ubuntu."
  type        = string
  default     = "/dev/xvda"
  nullable    = false

  validation {
    condition     = can(regex("^/dev/[a-z0-9]+$", var.volume_device))
    error_message = "volume_device is a device such as /dev/xvda."
  }
}

variable "volume_key" {
  description = "ARN of the KMS key for the volume. Empty: the account's default key for EBS."
  type        = string
  default     = ""
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

variable "network_mode" {
  description = "host: containers replicate under the address of their instance. awsvpc: each task has an address and a security group of its own. bridge: only the load balancer reaches a container, on a dynamic port."
  type        = string
  default     = "host"
  nullable    = false

  validation {
    condition     = contains(["host", "bridge", "awsvpc"], var.network_mode)
    error_message = "network_mode is host, bridge or awsvpc."
  }
}

variable "image" {
  description = "The service's image. It listens on 8080."
  type        = string
  default     = "public.ecr.aws/docker/library/tomcat:10.1"
  nullable    = false
}

variable "health_command" {
  description = "Shell command that succeeds in a healthy container. The default needs only bash; 404 is healthy, because Tomcat's image has no application."
  type        = string
  default     = "bash -c 'exec 3<>/dev/tcp/127.0.0.1/8080; printf \"HEAD / HTTP/1.0\\r\\n\\r\\n\" >&3; read -r -t 4 _ status _ <&3; [ \"$status\" -lt 500 ]' || exit 1"
  nullable    = false
}

variable "health_path" {
  description = "What the load balancer requests; 200 to 404 is healthy, because Tomcat's image has no application."
  type        = string
  default     = "/"
  nullable    = false

  validation {
    condition     = startswith(var.health_path, "/")
    error_message = "health_path begins with /."
  }
}

variable "tasks" {
  description = "Number of tasks, one per instance."
  type        = number
  default     = 3
  nullable    = false

  validation {
    condition     = var.tasks >= 0 && floor(var.tasks) == var.tasks
    error_message = "tasks is a count."
  }
}

variable "memory" {
  description = "Memory in MiB that the scheduler reserves for a task."
  type        = number
  default     = 512
  nullable    = false

  validation {
    condition     = var.memory >= 4
    error_message = "memory is 4 or more."
  }
}

variable "memory_limit" {
  description = "Memory in MiB at which the kernel kills the container; at least memory. 0: no limit."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.memory_limit >= 0
    error_message = "memory_limit is 0 or more."
  }
}

variable "cpu" {
  description = "CPU units that the scheduler reserves for a task; 1024 are one vCPU. 0: none."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.cpu >= 0
    error_message = "cpu is 0 or more."
  }
}

variable "task_role" {
  description = "ARN of the role that the application uses. Empty: none."
  type        = string
  default     = ""
  nullable    = false
}

variable "environment" {
  description = "Environment of the container."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "secrets" {
  description = "Secrets of the container: names of variables, and ARNs of secrets in Secrets Manager."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for arn in values(var.secrets) : can(regex("^arn:aws[a-z-]*:secretsmanager:.+", arn))])
    error_message = "secrets are ARNs of secrets in Secrets Manager."
  }
}

variable "gate" {
  description = "Tasks start only on instances whose attribute of this name is open, such as muster.ports. Empty: anywhere. It has no effect if network_mode is awsvpc."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9._/-]*$", var.gate))
    error_message = "gate is the name of an attribute, such as muster.ports."
  }
}

variable "replication_ports" {
  description = "Profiles and ports that muster evaluates, as for muster ports --ports. The next four variables must open them."
  type        = string
  default     = "ignite2"
  nullable    = false
}

variable "replication_from" {
  description = "The first port of the replication (Ignite: TcpCommunicationSpi.DFLT_PORT)."
  type        = number
  default     = 47100
  nullable    = false

  validation {
    condition     = var.replication_from >= 1 && var.replication_from <= 65535
    error_message = "replication_from is a port."
  }
}

variable "replication_to" {
  description = "The last replication port (DFLT_PORT_RANGE is 100)."
  type        = number
  default     = 47199
  nullable    = false

  validation {
    condition     = var.replication_to >= 1 && var.replication_to <= 65535
    error_message = "replication_to is a port."
  }
}

variable "discovery_from" {
  description = "The first port of the discovery (TcpDiscoverySpi.DFLT_PORT)."
  type        = number
  default     = 47500
  nullable    = false

  validation {
    condition     = var.discovery_from >= 1 && var.discovery_from <= 65535
    error_message = "discovery_from is a port."
  }
}

variable "discovery_to" {
  description = "The last one."
  type        = number
  default     = 47599
  nullable    = false

  validation {
    condition     = var.discovery_to >= 1 && var.discovery_to <= 65535
    error_message = "discovery_to is a port."
  }
}

variable "sleep_cron" {
  description = "When the fleet scales to zero: cron of EventBridge Scheduler in time_zone, such as 0 20 ? * MON-FRI *. Empty: never."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^(\\S+ \\S+ \\S+ \\S+ \\S+ \\S+)?$", var.sleep_cron))
    error_message = "sleep_cron has six fields."
  }
}

variable "sleep_pause" {
  description = "Seconds between two task stops, in which the peers redistribute their data."
  type        = number
  default     = 60
  nullable    = false

  validation {
    condition     = var.sleep_pause >= 0 && var.sleep_pause <= 3600
    error_message = "sleep_pause is between 0 and 3600."
  }
}

variable "wake_cron" {
  description = "When the fleet scales up again, such as 0 6 ? * MON-FRI *. Required with sleep_cron."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^(\\S+ \\S+ \\S+ \\S+ \\S+ \\S+)?$", var.wake_cron))
    error_message = "wake_cron has six fields."
  }
}

variable "time_zone" {
  description = "Time zone of the schedules, such as Europe/Berlin."
  type        = string
  default     = "Etc/UTC"
  nullable    = false
}

variable "alarm_email" {
  description = "Address that the alarms notify. Empty: none."
  type        = string
  default     = ""
  nullable    = false
}

variable "log_retention" {
  description = "Days for which the logs of the containers are kept."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 180, 365], var.log_retention)
    error_message = "log_retention is a number of days that CloudWatch Logs knows."
  }
}

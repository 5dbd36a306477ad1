# For a cluster that is made with terraform-aws-modules/ecs, and a group that is made with
# terraform-aws-modules/autoscaling: muster adds user data, a role's policy and alarms.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.60"
    }
  }
}

variable "subnets" {
  description = "Private subnets of the instances."
  type        = list(string)
}

variable "security_groups" {
  description = "Security groups of the instances, with the replication ports open between them."
  type        = list(string)
}

variable "ami" {
  description = "Id of an ECS-optimized AMI."
  type        = string
}

variable "service_name" {
  description = "Name of the ECS service whose containers the alarms count."
  type        = string
}

variable "topic_arn" {
  description = "SNS topic that the alarms notify."
  type        = string
}

variable "muster" {
  description = "Address and checksum of the muster binary."
  type        = object({ url = string, sha256 = string })
}

locals {
  name = "prod"
}

module "ecs" {
  source  = "terraform-aws-modules/ecs/aws"
  version = "~> 5.12"

  cluster_name = local.name
  autoscaling_capacity_providers = {
    workers = {
      auto_scaling_group_arn = module.autoscaling.autoscaling_group_arn
      managed_draining       = "ENABLED"
    }
  }
}

module "muster" {
  source = "../../modules/instance"

  cluster_name  = local.name
  cluster_arn   = module.ecs.cluster_arn
  group_name    = "${local.name}-workers"
  muster_url    = var.muster.url
  muster_sha256 = var.muster.sha256
}

module "autoscaling" {
  source  = "terraform-aws-modules/autoscaling/aws"
  version = "~> 8.0"

  name            = "${local.name}-workers"
  use_name_prefix = false # the policy names the group
  image_id        = var.ami
  instance_type   = "m7i.large"
  security_groups = var.security_groups
  user_data       = base64encode(module.muster.user_data)

  vpc_zone_identifier = var.subnets
  min_size            = 0
  max_size            = 6
  desired_capacity    = 3
  enabled_metrics     = ["GroupDesiredCapacity", "GroupInServiceInstances"]

  initial_lifecycle_hooks = [{
    name                 = "ready"
    lifecycle_transition = "autoscaling:EC2_INSTANCE_LAUNCHING"
    heartbeat_timeout    = 900
    default_result       = "ABANDON"
  }]

  create_iam_instance_profile = true
  iam_role_name               = "${local.name}-workers"
  iam_role_policies           = module.muster.managed_policies
  iam_role_tags               = module.muster.role_tags

  metadata_options = {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
    instance_metadata_tags      = "enabled"
  }
  autoscaling_group_tags = merge(module.muster.role_tags, { AmazonECSManaged = "" })
}

resource "aws_iam_role_policy" "muster" {
  name   = "muster"
  role   = module.autoscaling.iam_role_name
  policy = module.muster.policy_json
}

module "alarms" {
  source = "../../modules/alarms"

  name         = local.name
  cluster_name = local.name
  service_name = var.service_name
  group_name   = module.autoscaling.autoscaling_group_name
  tasks        = 3
  topic_arn    = var.topic_arn
}

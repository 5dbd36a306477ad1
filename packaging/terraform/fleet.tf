# The cluster, its instances and how they leave.

data "aws_partition" "current" {}
data "aws_region" "current" {}
data "aws_caller_identity" "current" {}

locals {
  group_name   = "${var.name}-workers"
  service_name = "${var.name}-app"
  bridged      = var.network_mode == "bridge"
  awsvpc       = var.network_mode == "awsvpc"
  gate         = local.awsvpc ? "" : var.gate
  sleeps       = var.sleep_cron == "" ? 0 : 1
}

resource "aws_ecs_cluster" "this" {
  name = var.name
}

module "instance" {
  source = "./modules/instance"

  cluster_name  = aws_ecs_cluster.this.name
  cluster_arn   = aws_ecs_cluster.this.arn
  group_name    = local.group_name
  muster_url    = var.muster_url
  muster_sha256 = var.muster_sha256
  await_service = var.await_service ? local.service_name : ""
  # muster evaluates the groups of the instances, which no peer and no load balancer dials in awsvpc mode.
  replication_ports = local.awsvpc ? "" : var.replication_ports
  balancer          = local.awsvpc ? "" : aws_lb.this.name
  target_port       = local.bridged ? "dynamic" : "8080"
  gate              = local.gate
}

resource "aws_iam_role" "instance" {
  name_prefix = "${var.name}-instance-"
  tags        = module.instance.role_tags
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "ec2.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy" "instance" {
  name   = "muster"
  role   = aws_iam_role.instance.id
  policy = module.instance.policy_json
}

resource "aws_iam_role_policy_attachment" "instance" {
  for_each = module.instance.managed_policies

  role       = aws_iam_role.instance.name
  policy_arn = each.value
}

resource "aws_iam_instance_profile" "this" {
  name_prefix = "${var.name}-"
  role        = aws_iam_role.instance.name
}

data "aws_ec2_instance_type" "this" {
  instance_type = var.instance_type
}

data "aws_ssm_parameter" "ami" {
  name = contains(data.aws_ec2_instance_type.this.supported_architectures, "arm64") ? var.ami_arm64 : var.ami
}

resource "aws_launch_template" "this" {
  name_prefix            = "${var.name}-"
  image_id               = nonsensitive(data.aws_ssm_parameter.ami.value)
  instance_type          = var.instance_type
  vpc_security_group_ids = [aws_security_group.instances.id]
  user_data              = base64encode(module.instance.user_data)
  update_default_version = true

  iam_instance_profile {
    arn = aws_iam_instance_profile.this.arn
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
    instance_metadata_tags      = "enabled"
  }

  block_device_mappings {
    device_name = var.volume_device
    ebs {
      volume_type           = "gp3"
      volume_size           = var.volume_size
      encrypted             = true
      kms_key_id            = var.volume_key == "" ? null : var.volume_key
      delete_on_termination = true
    }
  }

  tag_specifications {
    resource_type = "instance"
    tags          = { Name = "${var.name}-worker", "muster:cluster" = aws_ecs_cluster.this.name }
  }
}

# Terraform has no signal to wait for. An instance is in service only after muster has
# completed the hook, so waiting for the capacity waits for the proof.
resource "aws_autoscaling_group" "workers" {
  name                      = local.group_name
  min_size                  = 0
  desired_capacity          = var.instances
  max_size                  = var.max_instances
  vpc_zone_identifier       = var.instance_subnets
  health_check_grace_period = 300
  wait_for_capacity_timeout = "15m"
  metrics_granularity       = "1Minute"
  enabled_metrics           = ["GroupDesiredCapacity", "GroupInServiceInstances"]

  launch_template {
    id      = aws_launch_template.this.id
    version = aws_launch_template.this.latest_version
  }

  initial_lifecycle_hook {
    name                 = "ready"
    lifecycle_transition = "autoscaling:EC2_INSTANCE_LAUNCHING"
    heartbeat_timeout    = 900
    default_result       = "ABANDON"
  }

  # One instance at a time, and only while the others are in service.
  instance_refresh {
    strategy = "Rolling"
    preferences {
      min_healthy_percentage = var.instances > 1 ? floor(100 * (var.instances - 1) / var.instances) : 0
      max_healthy_percentage = 100
    }
  }

  dynamic "warm_pool" {
    for_each = var.warm_pool ? [1] : []
    content {
      pool_state = "Stopped"
      instance_reuse_policy {
        reuse_on_scale_in = false
      }
    }
  }

  tag {
    key                 = "muster:cluster"
    value               = aws_ecs_cluster.this.name
    propagate_at_launch = false
  }
  # ECS sets this tag when the capacity provider is made, too late for the first instances.
  tag {
    key                 = "AmazonECSManaged"
    value               = ""
    propagate_at_launch = true
  }

  lifecycle {
    ignore_changes = [desired_capacity] # the schedule and ECS change it
    precondition {
      condition     = !(var.warm_pool && var.managed_scaling)
      error_message = "warm_pool and managed_scaling are one or the other here: set one of them to false."
    }
    precondition {
      condition     = (var.sleep_cron == "") == (var.wake_cron == "")
      error_message = "sleep_cron and wake_cron belong together: set both or none."
    }
  }
}

# Managed draining is the terminating hook of the group: ECS drains an instance that is
# about to be terminated, and the group waits until its tasks have stopped.
resource "aws_ecs_capacity_provider" "this" {
  name = "${var.name}-workers"

  auto_scaling_group_provider {
    auto_scaling_group_arn         = aws_autoscaling_group.workers.arn
    managed_draining               = "ENABLED"
    managed_termination_protection = "DISABLED"

    managed_scaling {
      status                    = var.managed_scaling ? "ENABLED" : "DISABLED"
      target_capacity           = 100
      minimum_scaling_step_size = 1
      maximum_scaling_step_size = 1
    }
  }
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = [aws_ecs_capacity_provider.this.name]
}

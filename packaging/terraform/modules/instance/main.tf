# What an instance needs: the statements of its role, and its user data.
# packaging/iam/README.md says why each statement is there.

data "aws_partition" "current" {}
data "aws_region" "current" {}
data "aws_caller_identity" "current" {}

locals {
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.name
  account   = data.aws_caller_identity.current.account_id

  managed_policies = {
    ecs = "arn:${local.partition}:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role"
    ssm = "arn:${local.partition}:iam::aws:policy/AmazonSSMManagedInstanceCore"
  }

  # The agent sets the attribute of --gate on its container instance.
  gate_statements = var.gate == "" ? [] : [
    {
      Sid       = "Gate"
      Effect    = "Allow"
      Action    = ["ecs:PutAttributes"]
      Resource  = "*"
      Condition = { ArnEquals = { "ecs:cluster" = var.cluster_arn } }
    },
  ]

  statements = [
    {
      Sid      = "Bootstrap"
      Effect   = "Allow"
      Action   = ["ecs:DescribeClusters"]
      Resource = var.cluster_arn
    },
    {
      Sid       = "Verify"
      Effect    = "Allow"
      Action    = ["ecs:DescribeContainerInstances"]
      Resource  = "*"
      Condition = { ArnEquals = { "ecs:cluster" = var.cluster_arn } }
    },
    {
      Sid       = "LaunchHook"
      Effect    = "Allow"
      Action    = ["autoscaling:RecordLifecycleActionHeartbeat", "autoscaling:CompleteLifecycleAction"]
      Resource  = "arn:${local.partition}:autoscaling:${local.region}:${local.account}:autoScalingGroup:*:autoScalingGroupName/${var.group_name}"
      Condition = { StringEquals = { "aws:ResourceTag/muster:cluster" = var.cluster_name } }
    },
    {
      Sid      = "LaunchHookReads"
      Effect   = "Allow"
      Action   = ["autoscaling:DescribeAutoScalingInstances", "autoscaling:DescribeLifecycleHooks"]
      Resource = "*" # they know no narrower one
    },
    {
      Sid       = "Metrics"
      Effect    = "Allow"
      Action    = ["cloudwatch:PutMetricData"]
      Resource  = "*"
      Condition = { StringEquals = { "cloudwatch:namespace" = "Muster" } }
    },
    {
      Sid       = "Events"
      Effect    = "Allow"
      Action    = ["events:PutEvents"]
      Resource  = "arn:${local.partition}:events:${local.region}:${local.account}:event-bus/default"
      Condition = { StringEquals = { "events:source" = "muster" } }
    },
    {
      Sid       = "ServiceNames"
      Effect    = "Allow"
      Action    = ["ecs:DescribeTasks", "ecs:DescribeServices"]
      Resource  = "*"
      Condition = { ArnEquals = { "ecs:cluster" = var.cluster_arn } }
    },
    {
      Sid      = "PortsPeers"
      Effect   = "Allow"
      Action   = ["ecs:ListContainerInstances"]
      Resource = var.cluster_arn
    },
    {
      Sid      = "DebugReads"
      Effect   = "Allow"
      Action   = ["ec2:DescribeNatGateways", "ec2:DescribeVpcEndpoints", "ec2:DescribeVpcAttribute"]
      Resource = "*" # the first two know no narrower one
    },
    {
      Sid    = "PortsReads"
      Effect = "Allow"
      Action = [
        "ec2:DescribeInstances",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSecurityGroupRules",
        "ec2:DescribeNetworkAcls",
        "ec2:DescribeRouteTables",
      ]
      Resource = "*" # they know no narrower one
    },
  ]

  fetch = join("\n", [
    "curl -fsS --retry 5 -o /usr/local/bin/muster '${var.muster_url}'",
    "echo '${var.muster_sha256}  /usr/local/bin/muster' | sha256sum -c --quiet",
    "chmod +x /usr/local/bin/muster",
  ])
  ports      = "'${var.replication_ports}'${var.balancer == "" ? "" : " --balancer ${var.balancer}"}"
  gate_flag  = var.gate == "" ? "" : " --gate ${var.gate}"
  hook       = "--lifecycle-hook ${var.launch_hook} --on-failure abandon"
  await_flag = "--await-service ${var.await_service}"

  user_data = <<-SCRIPT
    #!/bin/sh
    # Without muster the ECS agent would join the cluster "default". Nobody
    # can signal then: the launch hook runs out, and the console says why.
    trap 'systemctl mask --runtime ecs.service' EXIT
    set -eu
    ${var.muster_url == "baked" ? ":" : local.fetch}
    MUSTER_EVENT_BUS=default muster bootstrap --cluster ${var.cluster_name} --ports ${local.ports} --target-port ${var.target_port}${local.gate_flag} --ports-policy warn \
      --ecs ECS_WARM_POOLS_CHECK=true ${var.launch_hook == "" ? "" : local.hook} ${var.await_service == "" ? "" : local.await_flag}
    trap - EXIT
  SCRIPT
}

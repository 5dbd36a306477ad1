# To sleep, the service is taken down task by task, and only then the group. A group that
# goes to zero at once would end all replicas of the data together.

resource "aws_iam_role" "sleeper" {
  count = local.sleeps

  name_prefix = "${var.name}-sleeper-"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = ["states.amazonaws.com", "scheduler.amazonaws.com"] }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy" "sleeper" {
  count = local.sleeps

  name = "sleep-and-wake"
  role = aws_iam_role.sleeper[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "Service", Effect = "Allow", Action = ["ecs:DescribeServices", "ecs:UpdateService"], Resource = aws_ecs_service.this.id },
      { Sid = "Group", Effect = "Allow", Action = ["autoscaling:UpdateAutoScalingGroup"], Resource = aws_autoscaling_group.workers.arn },
    ]
  })
}

resource "aws_sfn_state_machine" "sleeper" {
  count = local.sleeps

  name     = "${var.name}-sleeper"
  role_arn = aws_iam_role.sleeper[0].arn
  definition = templatefile("${path.module}/sleeper.json.tftpl", {
    partition = data.aws_partition.current.partition
    cluster   = aws_ecs_cluster.this.name
    service   = aws_ecs_service.this.id
    group     = local.group_name
    pause     = var.sleep_pause
  })
}

resource "aws_iam_role" "starter" {
  count = local.sleeps

  name_prefix = "${var.name}-starter-"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "scheduler.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy" "starter" {
  count = local.sleeps

  name = "start"
  role = aws_iam_role.starter[0].id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Sid = "Start", Effect = "Allow", Action = ["states:StartExecution"], Resource = aws_sfn_state_machine.sleeper[0].arn }]
  })
}

resource "aws_scheduler_schedule" "sleep" {
  count = local.sleeps

  name                         = "${var.name}-sleep"
  schedule_expression          = "cron(${var.sleep_cron})"
  schedule_expression_timezone = var.time_zone

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_sfn_state_machine.sleeper[0].arn
    role_arn = aws_iam_role.starter[0].arn
  }
}

resource "aws_scheduler_schedule" "wake_group" {
  count = local.sleeps

  name                         = "${var.name}-wake-group"
  schedule_expression          = "cron(${var.wake_cron})"
  schedule_expression_timezone = var.time_zone

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = "arn:${data.aws_partition.current.partition}:scheduler:::aws-sdk:autoscaling:updateAutoScalingGroup"
    role_arn = aws_iam_role.sleeper[0].arn
    input    = jsonencode({ AutoScalingGroupName = local.group_name, DesiredCapacity = var.instances })
  }
}

resource "aws_scheduler_schedule" "wake_service" {
  count = local.sleeps

  name                         = "${var.name}-wake-service"
  schedule_expression          = "cron(${var.wake_cron})"
  schedule_expression_timezone = var.time_zone

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = "arn:${data.aws_partition.current.partition}:scheduler:::aws-sdk:ecs:updateService"
    role_arn = aws_iam_role.sleeper[0].arn
    input    = jsonencode({ Cluster = aws_ecs_cluster.this.name, Service = aws_ecs_service.this.id, DesiredCount = var.tasks })
  }
}

# The alarms of the CloudFormation stack. None breaches on missing data: at zero on
# purpose, nothing reports and nothing is wrong.

locals {
  dimensions = {
    cluster = { ClusterName = var.cluster_name }
    service = { ClusterName = var.cluster_name, ServiceName = var.service_name }
    group   = { AutoScalingGroupName = var.group_name }
    targets = var.load_balancer == null ? {} : { LoadBalancer = var.load_balancer.load_balancer, TargetGroup = var.load_balancer.target_group }
  }

  alarms = {
    "unhealthy" = {
      description = "A container has been unhealthy in three of five minutes."
      metrics = {
        one = { namespace = "Muster", name = "UnhealthyContainers", dimensions = "service", statistic = "Maximum", period = 60 }
      }
      evaluation_periods  = 5
      datapoints_to_alarm = 3
      threshold           = 0
      comparison          = "GreaterThanThreshold"
      ok                  = true
    }
    "out-of-memory" = {
      description = "The kernel killed a process of a container because memory ran out."
      metrics = {
        one = { namespace = "Muster", name = "OOMKills", dimensions = "cluster", statistic = "Sum", period = 60 }
      }
      evaluation_periods = 1
      threshold          = 0
      comparison         = "GreaterThanThreshold"
      ok                 = false
    }
    "crash-loop" = {
      description = "Containers of a service are in a crash loop."
      metrics = {
        one = { namespace = "Muster", name = "CrashLoops", dimensions = "cluster", statistic = "Maximum", period = 60 }
      }
      evaluation_periods  = 3
      datapoints_to_alarm = 2
      threshold           = 0
      comparison          = "GreaterThanThreshold"
      ok                  = true
    }
    "unregistered" = {
      description = "An instance is not registered in its cluster."
      metrics = {
        one = { namespace = "Muster", name = "Registered", dimensions = "cluster", statistic = "Minimum", period = 60 }
      }
      evaluation_periods = 10
      threshold          = 1
      comparison         = "LessThanThreshold"
      ok                 = true
    }
    "disconnected" = {
      description = "The ECS agent of an instance has been disconnected from ECS for four minutes. ECS cannot start or stop tasks there."
      metrics = {
        one = { namespace = "Muster", name = "Connected", dimensions = "cluster", statistic = "Minimum", period = 60 }
      }
      evaluation_periods = 1
      threshold          = 1
      comparison         = "LessThanThreshold"
      ok                 = true
    }
    "impaired" = {
      description = "ECS's health check of an instance has failed for five minutes. muster status on the instance shows the reason."
      metrics = {
        one = { namespace = "Muster", name = "Impaired", dimensions = "cluster", statistic = "Maximum", period = 60 }
      }
      evaluation_periods = 5
      threshold          = 0
      comparison         = "GreaterThanThreshold"
      ok                 = true
    }
    "orphans" = {
      description = "The ECS agent and Docker disagree about whether a container is running. muster status on the instance names the container."
      metrics = {
        one = { namespace = "Muster", name = "Orphans", dimensions = "cluster", statistic = "Maximum", period = 60 }
      }
      evaluation_periods = 1
      threshold          = 0
      comparison         = "GreaterThanThreshold"
      ok                 = true
    }
    "ports-closed" = {
      description = "Security groups close a replication port between instances. muster ports shows the port and how to open it."
      metrics = {
        one = { namespace = "Muster", name = "BlockedPorts", dimensions = "cluster", statistic = "Maximum", period = 3600 }
      }
      evaluation_periods = 1
      threshold          = 0
      comparison         = "GreaterThanThreshold"
      ok                 = true
    }
    "silent" = {
      description = "Some instances in service have not reported for ten minutes. muster-agent is down, or is not allowed to publish metrics."
      expression  = "IF(FILL(serving, 0) > FILL(reporting, 0), 1, 0)"
      label       = "instances are silent"
      metrics = {
        serving   = { namespace = "AWS/AutoScaling", name = "GroupInServiceInstances", dimensions = "group", statistic = "Minimum", period = 60 }
        reporting = { namespace = "Muster", name = "DockerReachable", dimensions = "cluster", statistic = "SampleCount", period = 60 }
      }
      evaluation_periods = 10
      threshold          = 1
      comparison         = "GreaterThanOrEqualToThreshold"
      ok                 = true
    }
    "not-coming" = {
      description = "The group has had fewer instances than desired for 25 minutes. Launches fail, or instances do not join. The group's activity shows the reason."
      expression  = "IF(FILL(wanted, 0) > FILL(serving, 0), 1, 0)"
      label       = "instances do not come"
      metrics = {
        wanted  = { namespace = "AWS/AutoScaling", name = "GroupDesiredCapacity", dimensions = "group", statistic = "Minimum", period = 60 }
        serving = { namespace = "AWS/AutoScaling", name = "GroupInServiceInstances", dimensions = "group", statistic = "Minimum", period = 60 }
      }
      evaluation_periods = 25
      threshold          = 1
      comparison         = "GreaterThanOrEqualToThreshold"
      ok                 = true
    }
    "no-tasks" = {
      description = "Instances are in service, but no container of the service has been running for 5 minutes."
      expression  = "IF(FILL(running, 0) < 1 AND FILL(serving, 0) > 0 AND ${var.tasks} > 0, 1, 0)"
      label       = "no task runs"
      metrics = {
        running = { namespace = "Muster", name = "RunningContainers", dimensions = "service", statistic = "Sum", period = 60 }
        serving = { namespace = "AWS/AutoScaling", name = "GroupInServiceInstances", dimensions = "group", statistic = "Minimum", period = 60 }
      }
      evaluation_periods = 5
      threshold          = 1
      comparison         = "GreaterThanOrEqualToThreshold"
      ok                 = true
    }
    "too-few-tasks" = {
      description = "The service has had fewer containers than instances in 15 of 20 minutes."
      expression  = "IF(FILL(running, 0) < IF(FILL(serving, 0) < ${var.tasks}, FILL(serving, 0), ${var.tasks}), 1, 0)"
      label       = "too few tasks run"
      metrics = {
        running = { namespace = "Muster", name = "RunningContainers", dimensions = "service", statistic = "Sum", period = 60 }
        serving = { namespace = "AWS/AutoScaling", name = "GroupInServiceInstances", dimensions = "group", statistic = "Minimum", period = 60 }
      }
      evaluation_periods  = 20
      datapoints_to_alarm = 15
      threshold           = 1
      comparison          = "GreaterThanOrEqualToThreshold"
      ok                  = true
    }
    "unhealthy-targets" = {
      description = "The load balancer has reported an unhealthy task in three of five minutes."
      metrics = {
        one = { namespace = "AWS/ApplicationELB", name = "UnHealthyHostCount", dimensions = "targets", statistic = "Maximum", period = 60 }
      }
      evaluation_periods  = 5
      datapoints_to_alarm = 3
      threshold           = 0
      comparison          = "GreaterThanThreshold"
      ok                  = true
    }
    "no-targets" = {
      description = "Instances are in service, but the load balancer has had no healthy target for 5 minutes. Clients get 503."
      expression  = "IF(FILL(healthy, 0) < 1 AND FILL(serving, 0) > 0 AND ${var.tasks} > 0, 1, 0)"
      label       = "no healthy target"
      metrics = {
        healthy = { namespace = "AWS/ApplicationELB", name = "HealthyHostCount", dimensions = "targets", statistic = "Minimum", period = 60 }
        serving = { namespace = "AWS/AutoScaling", name = "GroupInServiceInstances", dimensions = "group", statistic = "Minimum", period = 60 }
      }
      evaluation_periods = 5
      threshold          = 1
      comparison         = "GreaterThanOrEqualToThreshold"
      ok                 = true
    }
  }

  # Without a load balancer there is nothing to say about its targets.
  wanted = {
    for name, alarm in local.alarms : name => alarm
    if var.load_balancer != null || !anytrue([for m in alarm.metrics : m.dimensions == "targets"])
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.wanted

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  evaluation_periods  = each.value.evaluation_periods
  datapoints_to_alarm = try(each.value.datapoints_to_alarm, null)
  threshold           = each.value.threshold
  comparison_operator = each.value.comparison
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.topic_arn]
  ok_actions          = each.value.ok ? [var.topic_arn] : []

  dynamic "metric_query" {
    for_each = can(each.value.expression) ? [each.value] : []
    content {
      id          = "breach"
      expression  = metric_query.value.expression
      label       = metric_query.value.label
      return_data = true
    }
  }

  dynamic "metric_query" {
    for_each = each.value.metrics
    content {
      id          = metric_query.key
      return_data = !can(each.value.expression)
      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.name
        dimensions  = local.dimensions[metric_query.value.dimensions]
        stat        = metric_query.value.statistic
        period      = metric_query.value.period
      }
    }
  }
}

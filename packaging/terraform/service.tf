# The service, its roles, its logs and its load balancer.

resource "aws_cloudwatch_log_group" "this" {
  name              = "/ecs/${var.name}"
  retention_in_days = var.log_retention
}

# The ECS agent reads the secrets with this role; the application has task_role.
resource "aws_iam_role" "execution" {
  count = length(var.secrets) > 0 ? 1 : 0

  name_prefix = "${var.name}-execution-"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "execution" {
  count = length(var.secrets) > 0 ? 1 : 0

  name = "secrets"
  role = aws_iam_role.execution[0].id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Sid = "Secret", Effect = "Allow", Action = ["secretsmanager:GetSecretValue"], Resource = values(var.secrets) }]
  })
}

resource "aws_iam_role_policy_attachment" "execution" {
  count = length(var.secrets) > 0 ? 1 : 0

  role       = aws_iam_role.execution[0].name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
}

# The ECS agent ignores a HEALTHCHECK of the image, so it stands here.
resource "aws_ecs_task_definition" "this" {
  family             = local.service_name
  network_mode       = var.network_mode
  task_role_arn      = var.task_role == "" ? null : var.task_role
  execution_role_arn = one(aws_iam_role.execution[*].arn)

  container_definitions = jsonencode([merge(
    {
      name              = "app"
      image             = var.image
      essential         = true
      cpu               = var.cpu
      memoryReservation = var.memory
      portMappings      = [{ containerPort = 8080, hostPort = local.bridged ? 0 : 8080, protocol = "tcp" }]
      environment       = [for name, value in var.environment : { name = name, value = value }]
      secrets           = [for name, arn in var.secrets : { name = name, valueFrom = arn }]
      healthCheck       = { command = ["CMD-SHELL", var.health_command], interval = 10, timeout = 5, retries = 3, startPeriod = 60 }
      logConfiguration = {
        logDriver = "awslogs"
        options = {
          awslogs-group         = aws_cloudwatch_log_group.this.name
          awslogs-region        = data.aws_region.current.name
          awslogs-stream-prefix = "app"
        }
      }
    },
    var.memory_limit == 0 ? {} : { memory = var.memory_limit },
  )])
}

resource "aws_ecs_service" "this" {
  name                               = local.service_name
  cluster                            = aws_ecs_cluster.this.arn
  launch_type                        = var.managed_scaling ? null : "EC2"
  task_definition                    = aws_ecs_task_definition.this.arn
  desired_count                      = var.tasks
  health_check_grace_period_seconds  = 120
  deployment_minimum_healthy_percent = var.tasks == 1 ? 0 : 50 # one task an instance: an old one goes before a new one comes
  deployment_maximum_percent         = 100

  dynamic "capacity_provider_strategy" {
    for_each = var.managed_scaling ? [1] : []
    content {
      capacity_provider = aws_ecs_capacity_provider.this.name
      weight            = 1
    }
  }

  placement_constraints {
    type = "distinctInstance"
  }

  dynamic "placement_constraints" {
    for_each = local.gate == "" ? [] : [1]
    content {
      type       = "memberOf"
      expression = "attribute:${local.gate} == open"
    }
  }

  dynamic "network_configuration" {
    for_each = local.awsvpc ? [1] : []
    content {
      subnets         = var.instance_subnets
      security_groups = [aws_security_group.tasks[0].id]
    }
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  load_balancer {
    container_name   = "app"
    container_port   = 8080
    target_group_arn = aws_lb_target_group.this.arn
  }

  depends_on = [
    aws_lb_listener.this,
    aws_autoscaling_group.workers,
    aws_ecs_cluster_capacity_providers.this,
    aws_iam_role_policy.execution,
  ]

  lifecycle {
    ignore_changes = [desired_count] # the schedule changes it
  }
}

resource "aws_lb" "this" {
  name               = "${var.name}-balancer"
  internal           = true
  load_balancer_type = "application"
  subnets            = var.balancer_subnets
  security_groups    = [aws_security_group.balancer.id]
}

resource "aws_lb_target_group" "this" {
  name_prefix          = "app-"
  vpc_id               = var.vpc_id
  protocol             = "HTTP"
  port                 = 8080
  target_type          = local.awsvpc ? "ip" : "instance"
  deregistration_delay = 30

  health_check {
    path    = var.health_path
    port    = "traffic-port"
    matcher = "200-404"
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lb_listener" "this" {
  load_balancer_arn = aws_lb.this.arn
  port              = var.certificate == "" ? 80 : 443
  protocol          = var.certificate == "" ? "HTTP" : "HTTPS"
  certificate_arn   = var.certificate == "" ? null : var.certificate
  ssl_policy        = var.certificate == "" ? null : "ELBSecurityPolicy-TLS13-1-2-2021-06"

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this.arn
  }
}

resource "aws_lb_listener" "redirect" {
  count = var.certificate == "" ? 0 : 1

  load_balancer_arn = aws_lb.this.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type = "redirect"
    redirect {
      protocol    = "HTTPS"
      port        = "443"
      status_code = "HTTP_301"
    }
  }

  depends_on = [aws_lb_listener.this] # which leaves port 80 to this one
}

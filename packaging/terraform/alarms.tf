# Who is notified, of what, and the dashboard.

resource "aws_sns_topic" "this" {
  name = "${var.name}-muster"
}

resource "aws_sns_topic_policy" "this" {
  arn = aws_sns_topic.this.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.this.arn
        Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
      },
      # EventBridge's guide: no Condition in a topic's policy for its rules.
      { Effect = "Allow", Principal = { Service = "events.amazonaws.com" }, Action = "sns:Publish", Resource = aws_sns_topic.this.arn },
    ]
  })
}

resource "aws_sns_topic_subscription" "email" {
  count = var.alarm_email == "" ? 0 : 1

  topic_arn = aws_sns_topic.this.arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

resource "aws_cloudwatch_event_rule" "transitions" {
  name_prefix = "${var.name}-transitions-"
  description = "Send muster's events to the topic."
  event_pattern = jsonencode({
    source = ["muster"]
    detail = { clusterName = [aws_ecs_cluster.this.name], kind = [{ anything-but = ["leaving", "recovered"] }] }
  })
}

resource "aws_cloudwatch_event_target" "transitions" {
  rule = aws_cloudwatch_event_rule.transitions.name
  arn  = aws_sns_topic.this.arn
}

# A fleet that stays awake costs money; one that is half asleep has lost replicas.
resource "aws_cloudwatch_event_rule" "sleep_failed" {
  count = local.sleeps

  name_prefix = "${var.name}-sleep-failed-"
  description = "The fleet did not scale to zero."
  event_pattern = jsonencode({
    source      = ["aws.states"]
    detail-type = ["Step Functions Execution Status Change"]
    detail      = { stateMachineArn = [aws_sfn_state_machine.sleeper[0].arn], status = ["FAILED", "TIMED_OUT", "ABORTED"] }
  })
}

resource "aws_cloudwatch_event_target" "sleep_failed" {
  count = local.sleeps

  rule = aws_cloudwatch_event_rule.sleep_failed[0].name
  arn  = aws_sns_topic.this.arn
}

module "alarms" {
  source = "./modules/alarms"

  name         = var.name
  cluster_name = aws_ecs_cluster.this.name
  service_name = aws_ecs_service.this.name
  group_name   = local.group_name
  tasks        = var.tasks
  topic_arn    = aws_sns_topic.this.arn
  load_balancer = {
    load_balancer = aws_lb.this.arn_suffix
    target_group  = aws_lb_target_group.this.arn_suffix
  }
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = "${var.name}-muster"
  dashboard_body = templatefile("${path.module}/dashboard.json.tftpl", {
    region        = data.aws_region.current.name
    cluster       = aws_ecs_cluster.this.name
    service       = aws_ecs_service.this.name
    group         = local.group_name
    load_balancer = aws_lb.this.arn_suffix
    target_group  = aws_lb_target_group.this.arn_suffix
    alarms        = "arn:${data.aws_partition.current.partition}:cloudwatch:${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}:alarm:${var.name}"
  })
}

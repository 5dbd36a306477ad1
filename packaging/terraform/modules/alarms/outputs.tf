output "arns" {
  description = "ARNs of the alarms by name, for a dashboard."
  value       = { for name, alarm in aws_cloudwatch_metric_alarm.this : name => alarm.arn }
}

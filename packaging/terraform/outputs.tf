output "cluster" {
  description = "Name of the cluster."
  value       = aws_ecs_cluster.this.name
}

output "instance_group" {
  description = "The instances' security group; the replication ports are open within it, unless network_mode is awsvpc."
  value       = aws_security_group.instances.id
}

output "task_group" {
  description = "The tasks' security group in awsvpc mode; the replication ports are open within it."
  value       = one(aws_security_group.tasks[*].id)
}

output "url" {
  description = "The service. With a certificate, use a name that it covers."
  value       = "${var.certificate == "" ? "http" : "https"}://${aws_lb.this.dns_name}/"
}

output "topic" {
  description = "ARN of the topic that alarms and transitions notify."
  value       = aws_sns_topic.this.arn
}

# Security groups with the ports of the load balancer and of the replication.

locals {
  # In awsvpc mode a task has an interface of its own, and the rules are on its group.
  replicating_group = local.awsvpc ? aws_security_group.tasks[0].id : aws_security_group.instances.id
}

resource "aws_security_group" "balancer" {
  name_prefix = "${var.name}-balancer-"
  description = "The load balancer"
  vpc_id      = var.vpc_id
}

resource "aws_security_group" "instances" {
  name_prefix = "${var.name}-instances-"
  description = "The container instances"
  vpc_id      = var.vpc_id
}

resource "aws_security_group" "tasks" {
  count = local.awsvpc ? 1 : 0

  name_prefix = "${var.name}-tasks-"
  description = "The tasks of the service"
  vpc_id      = var.vpc_id
}

# Terraform removes the rule that AWS gives to a new group.
resource "aws_vpc_security_group_egress_rule" "all" {
  for_each = merge(
    { balancer = aws_security_group.balancer.id, instances = aws_security_group.instances.id },
    local.awsvpc ? { tasks = aws_security_group.tasks[0].id } : {},
  )

  security_group_id = each.value
  ip_protocol       = "-1"
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_vpc_security_group_ingress_rule" "clients_http" {
  security_group_id = aws_security_group.balancer.id
  ip_protocol       = "tcp"
  from_port         = 80
  to_port           = 80
  cidr_ipv4         = var.client_cidr
  description       = "Clients"
}

resource "aws_vpc_security_group_ingress_rule" "clients_https" {
  count = var.certificate == "" ? 0 : 1

  security_group_id = aws_security_group.balancer.id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = var.client_cidr
  description       = "Clients"
}

# Bridge mode with hostPort 0: Docker takes a port of the host's dynamic range
# (net.ipv4.ip_local_port_range), which the load balancer must reach whole.
resource "aws_vpc_security_group_ingress_rule" "from_balancer" {
  security_group_id            = local.replicating_group
  ip_protocol                  = "tcp"
  from_port                    = local.bridged ? 32768 : 8080
  to_port                      = local.bridged ? 60999 : 8080
  referenced_security_group_id = aws_security_group.balancer.id
  description                  = "The service, from the load balancer"
}

# Peers by reference to their own group: right for every instance that comes.
resource "aws_vpc_security_group_ingress_rule" "replication" {
  security_group_id            = local.replicating_group
  ip_protocol                  = "tcp"
  from_port                    = var.replication_from
  to_port                      = var.replication_to
  referenced_security_group_id = local.replicating_group
  description                  = "Replication between peers"
}

resource "aws_vpc_security_group_ingress_rule" "discovery" {
  security_group_id            = local.replicating_group
  ip_protocol                  = "tcp"
  from_port                    = var.discovery_from
  to_port                      = var.discovery_to
  referenced_security_group_id = local.replicating_group
  description                  = "Discovery between peers"
}

output "policy_json" {
  description = "The inline policy of the instances' role."
  value       = jsonencode({ Version = "2012-10-17", Statement = concat(local.statements, local.gate_statements) })
}

output "managed_policies" {
  description = "The managed policies of the instances' role, as iam_role_policies of terraform-aws-modules/autoscaling takes them."
  value       = local.managed_policies
}

output "role_tags" {
  description = "The tag that the role and the Auto Scaling group must have."
  value       = { "muster:cluster" = var.cluster_name }
}

output "user_data" {
  description = "The user data as text. A launch template takes it as base64."
  value       = local.user_data

  precondition {
    condition     = var.muster_url == "baked" || var.muster_sha256 != ""
    error_message = "muster_sha256 is missing: the checksum of what is at muster_url."
  }
}

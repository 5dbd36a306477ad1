variable "name" {
  description = "Prefix of the names of the alarms."
  type        = string
  nullable    = false
}

variable "cluster_name" {
  description = "Name of the ECS cluster."
  type        = string
  nullable    = false
}

variable "service_name" {
  description = "Name of the ECS service."
  type        = string
  nullable    = false
}

variable "group_name" {
  description = "Name of the Auto Scaling group. It must collect GroupDesiredCapacity and GroupInServiceInstances."
  type        = string
  nullable    = false
}

variable "tasks" {
  description = "How many containers of the service should run, one an instance."
  type        = number
  nullable    = false

  validation {
    condition     = var.tasks >= 0 && floor(var.tasks) == var.tasks
    error_message = "tasks is a count."
  }
}

variable "load_balancer" {
  description = "arn_suffix of the load balancer and of the target group. null: no alarms on targets."
  type = object({
    load_balancer = string
    target_group  = string
  })
  default = null
}

variable "topic_arn" {
  description = "ARN of the SNS topic that the alarms notify."
  type        = string
  nullable    = false
}

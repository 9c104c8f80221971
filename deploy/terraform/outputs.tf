output "source" {
  description = "Where the controller reads the manifests"
  value       = local.source
}

output "publish_role" {
  description = "The role for the workflow that publishes; null without one"
  value       = one(aws_iam_role.publish[*].arn)
}

output "roles" {
  description = "The roles that read, write and delete"
  value       = local.roles
}

output "cluster" {
  value = aws_ecs_service.controller.cluster
}

output "service" {
  value = aws_ecs_service.controller.name
}

output "log_group" {
  value = aws_cloudwatch_log_group.controller.name
}

output "security_group" {
  value = aws_security_group.task.id
}

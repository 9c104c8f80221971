resource "aws_ecs_cluster" "own" {
  count = var.cluster == "" ? 1 : 0
  name  = local.name
}

resource "aws_ecs_task_definition" "controller" {
  family                   = local.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.cpu
  memory                   = var.memory
  task_role_arn            = aws_iam_role.task.arn
  execution_role_arn       = aws_iam_role.execution.arn
  runtime_platform {
    cpu_architecture        = var.cpu_architecture
    operating_system_family = "LINUX"
  }
  container_definitions = jsonencode([merge(
    {
      name      = "ecsync"
      image     = var.image
      command   = ["run"]
      essential = true
      user      = "65532:65532"
      # It writes no file, so it has no volume: source, lease and freeze are in memory and in AWS.
      readonlyRootFilesystem = true
      linuxParameters        = { capabilities = { drop = ["ALL"] }, initProcessEnabled = true }
      stopTimeout            = 30 # seconds; the controller ends within 20 (loop.drain)
      healthCheck = {
        command     = ["CMD", "/opt/ecsync/bin/ecsync", "status", "--health"]
        interval    = 30
        timeout     = 10
        retries     = 3
        startPeriod = 60
      }
      portMappings = [{ containerPort = 8080, protocol = "tcp" }]
      environment = concat(
        [
          { name = "AWS_REGION", value = local.region },
          { name = "ECSYNC_INSTALLATION", value = var.installation },
          { name = "ECSYNC_ACCOUNT", value = local.account },
          { name = "ECSYNC_ENFORCE", value = tostring(var.enforce) },
          { name = "ECSYNC_SOURCE", value = local.source },
          { name = "ECSYNC_LEASE", value = "dynamodb:${aws_dynamodb_table.lease.name}" },
          { name = "ECSYNC_FREEZE", value = "ssm:/ecsync/${var.installation}/freeze" },
          { name = "ECSYNC_ROLES_APPLY", value = aws_iam_role.apply.arn },
          { name = "ECSYNC_ROLES_PRUNE", value = aws_iam_role.prune.arn },
          { name = "ECSYNC_SESSION_TAGS", value = "true" },
        ],
        var.alarms ? [{ name = "ECSYNC_METRICS_EMF", value = "stdout" }] : [],
        var.metrics_cidr == "" ? [] : [{ name = "ECSYNC_HTTP_HOST", value = "0.0.0.0" }],
        var.config_file == "" ? [] : [{ name = "ECSYNC_CONFIG", value = var.config_file }],
      )
      logConfiguration = {
        logDriver = "awslogs"
        options = {
          awslogs-group         = aws_cloudwatch_log_group.controller.name
          awslogs-region        = local.region
          awslogs-stream-prefix = "ecsync"
          mode                  = "non-blocking" # a log that cannot be written does not stop the controller
          max-buffer-size       = "4m"
        }
      }
    },
    var.git_token_secret == "" ? {} : { secrets = [{ name = "ECSYNC_GIT_TOKEN", valueFrom = var.git_token_secret }] },
  )])
}

# The newest revision: that of this module, or one that the controller has registered for itself (manifests/controller).
data "aws_ecs_task_definition" "newest" {
  task_definition = aws_ecs_task_definition.controller.family
  depends_on      = [aws_ecs_task_definition.controller]
}

resource "aws_ecs_service" "controller" {
  name             = local.name
  cluster          = var.cluster == "" ? aws_ecs_cluster.own[0].name : var.cluster
  task_definition  = "${local.name}:${max(aws_ecs_task_definition.controller.revision, data.aws_ecs_task_definition.newest.revision)}"
  launch_type      = "FARGATE"
  platform_version = "LATEST"
  desired_count    = 1
  # The old task ends before a new one starts. The lease keeps two from writing in any case.
  deployment_minimum_healthy_percent = 0
  deployment_maximum_percent         = 100
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }
  availability_zone_rebalancing = "DISABLED"
  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = [aws_security_group.task.id]
    assign_public_ip = var.assign_public_ip
  }
  depends_on = [aws_iam_role_policy.controller, aws_iam_role_policy_attachment.execution]
}

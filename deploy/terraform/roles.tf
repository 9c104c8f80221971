locals {
  for_tasks = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account }
        ArnLike      = { "aws:SourceArn" = "arn:${local.partition}:ecs:${local.region}:${local.account}:*" }
      }
    }]
  })
  for_controller = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = aws_iam_role.task.arn }
      Action    = ["sts:AssumeRole", "sts:TagSession"]
    }]
  })
  roles = {
    observe = aws_iam_role.task.name
    apply   = aws_iam_role.apply.name
    prune   = aws_iam_role.prune.name
  }
  # `ecsync permissions` prints a policy, or a list of policies if one is too long for AWS.
  policies = merge([
    for mode, given in var.policies : {
      for number, policy in flatten([given]) : "${mode}-${number + 1}" => { mode = mode, document = jsonencode(policy) }
    }
  ]...)
}

# Of ECS: it pulls the image, writes the log and reads the secret; the controller does not use it.
resource "aws_iam_role" "execution" {
  name                 = "${local.name}-execution"
  description          = "Lets ECS start the controller"
  permissions_boundary = var.permissions_boundary
  assume_role_policy   = local.for_tasks
}

resource "aws_iam_role_policy_attachment" "execution" {
  role       = aws_iam_role.execution.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
}

resource "aws_iam_role_policy" "git_token" {
  count = var.git_token_secret == "" ? 0 : 1
  name  = "git-token"
  role  = aws_iam_role.execution.name
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "secretsmanager:GetSecretValue", Resource = var.git_token_secret }]
  })
}

# It reads your applications: `policies.observe`.
resource "aws_iam_role" "task" {
  name                 = local.name
  description          = "The controller. It reads with this role, and assumes others to write"
  permissions_boundary = var.permissions_boundary
  assume_role_policy   = local.for_tasks
}

# It writes: `policies.apply`.
resource "aws_iam_role" "apply" {
  name                 = "${local.name}-apply"
  description          = "Creates and changes what the manifests declare"
  permissions_boundary = var.permissions_boundary
  assume_role_policy   = local.for_controller
}

# It deletes: `policies.prune`.
resource "aws_iam_role" "prune" {
  name                 = "${local.name}-prune"
  description          = "Deletes what the manifests do not declare any more"
  permissions_boundary = var.permissions_boundary
  assume_role_policy   = local.for_controller
}

resource "aws_iam_role_policy" "controller" {
  name = "controller"
  role = aws_iam_role.task.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid      = "Roles"
          Effect   = "Allow"
          Action   = ["sts:AssumeRole", "sts:TagSession"]
          Resource = [aws_iam_role.apply.arn, aws_iam_role.prune.arn]
        },
        {
          Sid      = "Lease"
          Effect   = "Allow"
          Action   = ["dynamodb:GetItem", "dynamodb:PutItem"]
          Resource = aws_dynamodb_table.lease.arn
        },
        {
          Sid      = "Freeze"
          Effect   = "Allow"
          Action   = "ssm:GetParameter"
          Resource = "arn:${local.partition}:ssm:${local.region}:${local.account}:parameter/ecsync/${var.installation}/freeze"
        },
      ],
      [
        for bucket in aws_s3_bucket.manifests : {
          Sid      = "ManifestsList"
          Effect   = "Allow"
          Action   = "s3:ListBucket"
          Resource = bucket.arn
        }
      ],
      [
        for bucket in aws_s3_bucket.manifests : {
          Sid      = "ManifestsRead"
          Effect   = "Allow"
          Action   = "s3:GetObject"
          Resource = "${bucket.arn}/manifests/*"
        }
      ],
    )
  })
}

resource "aws_iam_policy" "manifests" {
  for_each    = local.policies
  name        = "${local.name}-${each.key}"
  description = "ecsync ${local.name}: ${each.value.mode}"
  policy      = each.value.document
}

resource "aws_iam_role_policy_attachment" "manifests" {
  for_each   = local.policies
  role       = local.roles[each.value.mode]
  policy_arn = aws_iam_policy.manifests[each.key].arn
}

resource "aws_iam_openid_connect_provider" "github" {
  count          = local.has_publisher && var.github_oidc_provider == "" ? 1 : 0
  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
}

# Of CI: it puts a release, and can neither read nor delete one.
resource "aws_iam_role" "publish" {
  count                = local.has_publisher ? 1 : 0
  name                 = "${local.name}-publish"
  description          = "Puts manifests in S3, for workflows of ${var.github_repository} on ${var.github_ref}"
  permissions_boundary = var.permissions_boundary
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Federated = coalesce(var.github_oidc_provider, one(aws_iam_openid_connect_provider.github[*].arn)) }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = {
          "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
          "token.actions.githubusercontent.com:sub" = "repo:${var.github_repository}:ref:${var.github_ref}"
        }
      }
    }]
  })
}

resource "aws_iam_role_policy" "publish" {
  count = local.has_publisher ? 1 : 0
  name  = "publish"
  role  = aws_iam_role.publish[0].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid    = "Publish"
      Effect = "Allow"
      Action = "s3:PutObject"
      Resource = [
        "${aws_s3_bucket.manifests[0].arn}/manifests/ecsync.index.json",
        "${aws_s3_bucket.manifests[0].arn}/manifests/ecsync.objects/*",
      ]
    }]
  })
}

# What the controller works with: manifests, lease, log, network. Roles are in roles.tf, the task is in task.tf.

data "aws_caller_identity" "current" {}
data "aws_region" "current" {}
data "aws_partition" "current" {}

locals {
  name          = "ecsync-${var.installation}"
  account       = data.aws_caller_identity.current.account_id
  region        = data.aws_region.current.name
  partition     = data.aws_partition.current.partition
  has_bucket    = var.manifests == ""
  has_publisher = local.has_bucket && var.github_repository != ""
  source        = local.has_bucket ? "s3://${one(aws_s3_bucket.manifests[*].bucket)}/manifests" : var.manifests
}

resource "aws_s3_bucket" "manifests" {
  count  = local.has_bucket ? 1 : 0
  bucket = "${local.name}-${local.account}-${local.region}"
}

resource "aws_s3_bucket_versioning" "manifests" {
  count  = local.has_bucket ? 1 : 0
  bucket = aws_s3_bucket.manifests[0].bucket
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_public_access_block" "manifests" {
  count                   = local.has_bucket ? 1 : 0
  bucket                  = aws_s3_bucket.manifests[0].bucket
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "manifests" {
  count  = local.has_bucket ? 1 : 0
  bucket = aws_s3_bucket.manifests[0].bucket
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "manifests" {
  count  = local.has_bucket ? 1 : 0
  bucket = aws_s3_bucket.manifests[0].bucket
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "manifests" {
  count  = local.has_bucket ? 1 : 0
  bucket = aws_s3_bucket.manifests[0].bucket
  rule {
    # Never by age: an object that has not changed for a year is still a part of the release.
    id     = "old-versions"
    status = "Enabled"
    filter {}
    noncurrent_version_expiration {
      noncurrent_days = 30
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

resource "aws_s3_bucket_policy" "manifests" {
  count  = local.has_bucket ? 1 : 0
  bucket = aws_s3_bucket.manifests[0].bucket
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OnlyEncryptedConnections"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [aws_s3_bucket.manifests[0].arn, "${aws_s3_bucket.manifests[0].arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}

resource "aws_dynamodb_table" "lease" {
  name         = local.name
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"
  attribute {
    name = "id"
    type = "S"
  }
}

resource "aws_cloudwatch_log_group" "controller" {
  name              = "/ecsync/${var.installation}"
  retention_in_days = var.log_retention_days
}

# The task makes connections by TLS (and by SSH for git+ssh), and accepts none.
resource "aws_security_group" "task" {
  name        = local.name
  description = "The controller"
  vpc_id      = var.vpc_id
  egress {
    protocol    = "tcp"
    from_port   = 443
    to_port     = 443
    cidr_blocks = ["0.0.0.0/0"]
    description = "AWS and git"
  }
  egress {
    protocol    = "tcp"
    from_port   = 22
    to_port     = 22
    cidr_blocks = ["0.0.0.0/0"]
    description = "git over SSH"
  }
  dynamic "ingress" {
    for_each = var.metrics_cidr == "" ? [] : [var.metrics_cidr]
    content {
      protocol    = "tcp"
      from_port   = 8080
      to_port     = 8080
      cidr_blocks = [ingress.value]
      description = "metrics and API"
    }
  }
}

"""Kinds of Amazon ECR: Repository."""

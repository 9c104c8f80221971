"""Kinds of IAM: Role."""

"""Kinds of AWS IAM: Role."""

"""Kinds of Amazon CloudWatch: Alarm."""

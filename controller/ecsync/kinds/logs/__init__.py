"""Kinds of CloudWatch Logs: LogGroup."""

"""Simulated Amazon CloudWatch: metric alarms and their tags; alarms are kept and never evaluated."""

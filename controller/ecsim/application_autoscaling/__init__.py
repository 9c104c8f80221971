"""Simulated Application Auto Scaling: scalable targets, policies, scheduled actions."""

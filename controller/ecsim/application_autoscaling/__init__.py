"""Simulated Application Auto Scaling of ECS services: scalable targets, scaling policies, scheduled actions."""

"""Simulated Amazon ECS: clusters, task definitions, services, deployments, tasks and their scheduler."""

"""Kinds of Amazon ECS: Cluster, CapacityProvider, TaskDefinition, Service."""

"""ecsync: a GitOps controller for Amazon ECS. Start with `core/model.py`, or with DESIGN.md."""

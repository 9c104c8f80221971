"""What ECS accepts: the constraints of its kinds, by part of the body."""

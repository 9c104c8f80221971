"""The part of Amazon EC2 that is simulated here: launch templates."""

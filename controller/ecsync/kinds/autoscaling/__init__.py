"""Kinds of EC2 Auto Scaling: AutoScalingGroup."""

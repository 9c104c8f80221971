"""Simulated Amazon EC2 Auto Scaling: groups, and the instances that they launch and terminate."""

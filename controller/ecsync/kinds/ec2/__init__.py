"""Kinds of Amazon EC2: Network (looked up), SecurityGroup, LaunchTemplate."""

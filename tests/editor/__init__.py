"""What an editor makes of `ecsync schema`."""

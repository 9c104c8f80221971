"""The public API of ecsync."""

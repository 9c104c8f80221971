"""What people and machines are told: events, the log, and metrics."""

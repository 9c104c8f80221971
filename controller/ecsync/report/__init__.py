"""What people and machines read: changes, plans, events, the log, metrics."""

"""Real definitions against the simulated account. `make corpus` prints the table."""

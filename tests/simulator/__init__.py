"""Contract tests: the simulated account behaves as AWS documents."""

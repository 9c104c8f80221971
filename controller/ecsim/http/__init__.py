"""The wire of the simulated AWS: server, protocol, routing, throttling, consistency, control endpoint."""

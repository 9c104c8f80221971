"""The HTTP side of the simulated AWS: server, protocols, routing, throttling, consistency, control endpoint."""

"""The whole system: the controller, as `wiring` puts it together, against the simulated AWS over HTTP."""

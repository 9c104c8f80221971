"""The daemon's HTTP: metrics, health, and a read-only API. It makes no AWS call."""

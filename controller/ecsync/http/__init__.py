"""The HTTP server of the daemon: metrics, health, and a read-only API. It makes no call to AWS."""

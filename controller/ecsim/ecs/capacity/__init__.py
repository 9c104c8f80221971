"""Where simulated tasks run: capacity providers, container instances, placement, managed scaling."""

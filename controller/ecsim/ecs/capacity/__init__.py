"""The capacity of a simulated cluster: capacity providers, container instances, placement, managed scaling."""

"""The exact diff, through the public API."""

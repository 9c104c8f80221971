"""Importing a live cluster: what is written, and that the plan that follows is empty."""

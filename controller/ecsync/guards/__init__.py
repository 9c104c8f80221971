"""What keeps a controller from writing for a time: windows of the operator's settings, and freezes that people set."""

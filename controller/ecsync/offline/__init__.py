"""What works without AWS: compare, explain, and the JSON Schema of manifests."""

"""Commands that work without AWS: compare, explain, and the JSON Schema of manifests."""

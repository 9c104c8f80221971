"""What only AWS knows of manifests, asked before anything is written: images, roles, secrets, routes, quotas."""

"""The verbs that work without AWS and without a daemon: about kinds, documents and permissions."""

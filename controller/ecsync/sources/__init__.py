"""The sources of manifests: each returns a whole Snapshot or raises SourceError, and none imports boto3."""

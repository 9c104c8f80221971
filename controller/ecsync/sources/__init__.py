"""Where manifests come from: each source gives a whole Snapshot or raises SourceError, and none imports boto3."""

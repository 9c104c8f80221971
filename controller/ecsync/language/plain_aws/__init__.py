"""Plain AWS documents: what the AWS CLI takes and prints, as manifests."""

"""What a policy of IAM allows: the checks that each request needs, and their evaluation."""

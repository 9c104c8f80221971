"""AWS over botocore: clients, calls and pages, errors, rates, and the identity of the credentials."""

"""The only importer of boto3: clients, errors, marks, and the shapes of botocore's service models."""

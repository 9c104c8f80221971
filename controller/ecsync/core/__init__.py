"""The pure core: values and functions of values. No boto3, clock, thread, log or file."""

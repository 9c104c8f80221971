"""The pure core: no boto3, no clock, no thread, no log, no file. Everything here is a value or a function of values."""

"""Errors as AWS services return them."""

from __future__ import annotations


class AwsError(Exception):
    """An error response; `http/protocol.py` encodes it in the protocol of the request."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def invalid_parameter(message: str) -> AwsError:
    """Return the error of ECS for most invalid input."""
    return AwsError("InvalidParameterException", message)


def client_exception(message: str) -> AwsError:
    """Return the error of ECS for invalid task definitions, tags and capacity providers."""
    return AwsError("ClientException", message)


def validation_error(message: str) -> AwsError:
    """Return the error of Elastic Load Balancing and EC2 Auto Scaling for invalid input."""
    return AwsError("ValidationError", message)


def validation_exception(message: str) -> AwsError:
    """Return the error of Application Auto Scaling for invalid input."""
    return AwsError("ValidationException", message)

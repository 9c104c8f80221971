"""An error as an AWS service answers it."""

from __future__ import annotations


class AwsError(Exception):
    """Becomes the error document of whatever protocol the request came in."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def invalid_parameter(message: str) -> AwsError:
    """What ECS answers to most wrong input."""
    return AwsError("InvalidParameterException", message)


def client_exception(message: str) -> AwsError:
    """What ECS answers about task definitions and other things of the caller's."""
    return AwsError("ClientException", message)


def validation_error(message: str) -> AwsError:
    """What Elastic Load Balancing and Auto Scaling answer to malformed input."""
    return AwsError("ValidationError", message)


def validation_exception(message: str) -> AwsError:
    """What Application Auto Scaling answers to wrong input."""
    return AwsError("ValidationException", message)

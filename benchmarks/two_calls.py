"""A control: `python -m benchmarks.two_calls SERVICES` reads each service and its task definition, with stock boto3."""

import sys

import boto3


def main(services: int) -> None:
    """Make two calls for each service."""
    client = boto3.client("ecs")
    for number in range(services):
        described = client.describe_services(cluster="bench", services=[f"web-{number}"], include=["TAGS"])
        client.describe_task_definition(taskDefinition=described["services"][0]["taskDefinition"], include=["TAGS"])


if __name__ == "__main__":
    main(int(sys.argv[1]))

"""The other ways of docs/deploy.md: each makes what the stack of CloudFormation makes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.stacks import Stacks
from tests.whole.deploying.agent import Agent
from tests.whole.deploying.aws_command import AwsCommand
from tests.whole.deploying.made import BUCKET, NAME, made
from tests.whole.deploying.shell import Operator, blocks
from tests.whole.permissions.recorded import NOT_DENIED
from tests.whole.support.command import Command
from tests.whole.support.environment import ACCOUNT, REGION, Environment
from tests.whole.support.in_process_daemon import advancing_time

ROOT = Path(__file__).resolve().parents[3]
PAGE = blocks(ROOT / "docs" / "deploy.md")
PLUGINS = os.environ.get("ECSYNC_TERRAFORM", "")
REPOSITORY = "acme/deploy"
DENIED = (*NOT_DENIED, "403")  # the answer to HEAD has no code
# The provider waits for a minute until the rule of a bucket is everywhere, and reaches buckets by their DNS names.
OVERRIDES = {
    "override.tf": 'resource "aws_s3_bucket_lifecycle_configuration" "manifests" {\n  count = 0\n}\n',
    "example/override.tf": f"""
provider "aws" {{
  s3_use_path_style = true
}}
module "ecsync" {{
  github_repository = "{REPOSITORY}"
}}
""",
}


@pytest.fixture
def operator(
    environment: Environment, ecsync: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Operator]:
    """A person with a clone of the repository; time goes by."""
    work = tmp_path / "clone"
    for folder in ("deploy", "manifests"):
        shutil.copytree(ROOT / folder, work / folder)
    monkeypatch.chdir(work)
    aws = AwsCommand(Stacks(environment.aws, ACCOUNT, REGION), work)
    with advancing_time(environment):
        yield Operator({"aws": aws, "ecsync": lambda arguments: ecsync(*arguments)}, work)


def stacked(operator: Operator, *parameters: str) -> None:
    """Follow the page until the stack is there, and give it further parameters."""
    operator.follow(PAGE["2. The stack"])
    if parameters:
        update = "aws cloudformation deploy --stack-name ecsync --template-file deploy/cloudformation/ecsync.yaml"
        overrides = f"--capabilities CAPABILITY_NAMED_IAM --parameter-overrides {' '.join(parameters)}"
        operator.follow([f"{update} {overrides}"])


def by_cloudformation(environment: Environment, operator: Operator, *parameters: str) -> dict[str, Any]:
    """Return what the stack makes, also with further parameters, and empty the account."""
    stacked(operator, *parameters)
    found = made(environment)
    environment.reset()
    return found


def test_the_role_of_ci_publishes_and_does_nothing_else(environment: Environment, operator: Operator) -> None:
    """It cannot read what it has put, and cannot put anything beside releases."""
    stacked(operator, f"GitHubRepository={REPOSITORY}")
    agent = Agent(environment, NAME)
    agent.enforce()
    operator.environment |= agent.credentials(f"arn:aws:iam::{ACCOUNT}:role/{NAME}-publish", "ci")
    operator.follow([f"mkdir shop && cp -r manifests/quickstart shop/ && ecsync publish shop s3://{BUCKET}/manifests"])
    stored = environment.aws("s3").list_objects_v2(Bucket=BUCKET)["Contents"]
    assert "manifests/ecsync.index.json" in {one["Key"] for one in stored}
    operator.follow(
        [
            f"if ecsync validate s3://{BUCKET}/manifests; then exit 1; fi",
            f"if ecsync publish shop s3://{BUCKET}/elsewhere; then exit 1; fi",
        ]
    )
    ledger = environment.simulator.ledger.entries(0)
    refused = [entry for entry in ledger if entry.error_code in DENIED]
    assert {entry.operation for entry in refused} >= {"GetObject", "PutObject"}
    assert environment.aws("s3").list_objects_v2(Bucket=BUCKET)["Contents"] == stored


def test_the_aws_cli_makes_what_the_stack_makes(environment: Environment, operator: Operator) -> None:
    """With the files of deploy/ecs: botocore validates each parameter."""
    expected = by_cloudformation(environment, operator)
    operator.follow(PAGE["AWS CLI"])
    assert made(environment) == expected


@pytest.mark.skipif(not PLUGINS, reason="ECSYNC_TERRAFORM names no folder with Terraform's provider of AWS")
def test_terraform_makes_what_the_stack_makes(environment: Environment, operator: Operator) -> None:
    """Terraform itself, with its provider of AWS, applies the example, here with a role for CI.

    All but the lifecycle rule of the bucket.
    """
    expected = by_cloudformation(environment, operator, f"GitHubRepository={REPOSITORY}")
    assert "ecsync-production-publish" in expected["roles"]
    module = operator.work / "deploy" / "terraform"
    for file, text in OVERRIDES.items():
        (module / file).write_text(text)
    operator.environment |= {
        "TF_CLI_ARGS_init": f"-plugin-dir={PLUGINS} -input=false",
        "TF_CLI_ARGS_apply": "-auto-approve -input=false -no-color",
        "CHECKPOINT_DISABLE": "1",
    }
    operator.follow(PAGE["Terraform"])
    assert made(environment) == expected

"""The checks that follow from the models of the operations, for what ecsim serves and for what moto serves."""

from __future__ import annotations

import json

import pytest

from ecsim.http import validation
from ecsim.moto import seams
from tests.ecsim.aws import Aws, refused

TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})


@pytest.mark.parametrize("path", ["team", "/team", "team/", "/a team/"])
def test_the_path_of_a_role_begins_and_ends_with_a_slash(path: str, aws: Aws) -> None:
    """IAM refuses any other, and creates nothing."""
    with refused("ValidationError", "Member must satisfy regular expression"):
        aws.iam.create_role(RoleName="web", Path=path, AssumeRolePolicyDocument=TRUST)
    assert [role["RoleName"] for role in aws.iam.list_roles()["Roles"] if role["RoleName"] == "web"] == []
    aws.iam.create_role(RoleName="web", Path="/team/web/", AssumeRolePolicyDocument=TRUST)


def test_lengths_and_values_have_the_bounds_of_the_model(aws: Aws) -> None:
    """Of services that ecsim serves, and of services that moto serves."""
    with refused("ValidationError", "length less than or equal to 1000"):
        aws.iam.create_role(RoleName="web", AssumeRolePolicyDocument=TRUST, Description="x" * 1001)
    with refused("ValidationError", "value less than or equal to 43200"):
        aws.iam.create_role(RoleName="web", AssumeRolePolicyDocument=TRUST, MaxSessionDuration=43201)
    with refused("InvalidParameterException", "Member must satisfy regular expression"):
        aws.logs.create_log_group(logGroupName="a group")
    with refused("InvalidParameterException", "Member must satisfy regular expression"):
        aws.ecr.create_repository(repositoryName="Web")
    with refused("ValidationError", "value less than or equal to 50000"):
        aws.elbv2.create_rule(ListenerArn="x", Priority=50001, Conditions=[], Actions=[])


def test_an_unknown_value_of_a_set_is_refused_by_moto_s_services_too(aws: Aws) -> None:
    """The set is in the model."""
    with refused("InvalidParameterException", "Member must satisfy enum value set"):
        aws.logs.create_log_group(logGroupName="web", logGroupClass="CHEAP")
    with refused("InvalidParameterException", "Member must satisfy enum value set"):
        aws.ecr.create_repository(repositoryName="web", imageTagMutability="NEVER")


def test_every_pattern_of_the_models_can_be_checked() -> None:
    """They are written for Java: what Python does not know is replaced."""
    for service in validation.CODES:
        model = seams.service_model(service)
        for name in model.shape_names:
            text = model.shape_for(name).metadata.get("pattern")
            if text:
                validation._compiled(text)

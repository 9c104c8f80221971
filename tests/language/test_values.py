"""Values of AWS's types that AWS or the mark does not accept."""

from __future__ import annotations

from tests.language.cases import load_files, messages

VALID = """
apiVersion: ecsync/v1
resources:
  Cluster/c: {clusterName: Shop_1-a, tags: {팀: 상점}}
  TaskDefinition/t:
    family: shop
    tags: {설명: 웹 서버}
    containerDefinitions: [{name: web, image: a, memory: 128, environment: {인사: 안녕}}]
  SecurityGroup/g: {GroupName: "a b", Description: "Web (80/tcp): [a]", VpcId: vpc-1}
  Role/r:
    RoleName: "a+=,.@-_"
    Description: Rôle d'exécution
    AssumeRolePolicyDocument:
      Version: "2012-10-17"
      Statement: [{Effect: Allow, Principal: {Service: ecs-tasks.amazonaws.com}, Action: "sts:AssumeRole"}]
  LogGroup/l: {logGroupName: "/ecs/a.b#c"}
  Repository/r: {repositoryName: shop/web_1.a}
"""


def of_tags(count: int) -> bytes:
    """Return a document with so many tags."""
    tags = ", ".join(f"team-{number}: a" for number in range(count))
    return f"kind: LogGroup\nmetadata: {{name: web}}\nspec: {{tags: {{{tags}}}}}\n".encode()


def test_the_characters_that_aws_accepts_are_valid() -> None:
    """Tags and values of the environment may have any character."""
    assert messages(load_files({"a.yaml": VALID.encode()})) == []


def test_more_tags_than_the_mark_records_are_a_problem() -> None:
    """One that is not recorded would never be taken off again."""
    assert messages(load_files({"a.yaml": of_tags(46)})) == []
    assert messages(load_files({"a.yaml": of_tags(47)})) == [
        "a.yaml:3:8: 47 tags; use at most 46: the tag ecsync:applied records no more"
    ]


def test_attributes_are_recorded_as_tags_are() -> None:
    """They share the room of the mark."""
    tags = ", ".join(f"team-{number}: a" for number in range(46))
    text = f"""
kind: LoadBalancer
metadata: {{name: web}}
spec:
  Subnets: [subnet-1, subnet-2]
  Tags: {{{tags}}}
  Attributes: {{idle_timeout.timeout_seconds: "60"}}
"""
    assert messages(load_files({"a.yaml": text.encode()})) == [
        "a.yaml:6:3: 47 Tags and Attributes; use at most 46: the tag ecsync:applied records no more"
    ]

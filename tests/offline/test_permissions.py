"""The policy of manifests: exact ARNs, every operation of every kind, a fixed text, and what a policy lacks."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ecsync import kinds, wiring
from ecsync.config import Settings
from ecsync.offline.permissions.check import NotAPolicy, lacking, statements_of
from ecsync.offline.permissions.life import life_of, notes
from ecsync.offline.permissions.needs import Life, Mode
from ecsync.offline.permissions.places import OWN, Place
from ecsync.offline.permissions.policy import LIMIT, PER_ROLE, Policy, fitting, policies, size
from ecsync.offline.permissions.table import ALL_OPERATIONS, EVERY, types_of
from ecsync.sources.disk import DiskSource

ACCOUNT = "123456789012"
MANIFESTS = Path(__file__).resolve().parents[2] / "manifests"
MODES = pytest.mark.parametrize("mode", ["observe", "apply", "prune"])
STACKS = pytest.mark.parametrize("stack", ["quickstart", "tilog", "nightly"])
HEAD = """
apiVersion: ecsync/v1
kind: Application
metadata: {name: shop}
spec: {target: {region: eu-west-1}, manage: [all]}
"""


def life_in(where: Path, **settings: Any) -> Life:
    """Return the life of manifests; those of the project are read once."""
    return _project(where) if where.parent == MANIFESTS and not settings else _read(where, **settings)


@cache
def _project(where: Path) -> Life:
    return _read(where)


def _read(where: Path, **settings: Any) -> Life:
    given = Settings(**{"installation": "prod", "account": ACCOUNT, **settings})
    workspace = wiring.workspace(given, str(where), read_only=True)
    loaded = workspace.loaded(DiskSource(where, pause=0.0, settle=0.0).fetch())
    assert loaded.problems == ()
    return life_of(
        loaded.applications,
        wiring.all_kinds(),
        workspace.target_of,
        installation=given.installation,
        account=given.account,
        region=given.region,
        sources=[one.source for one in given.sources.values()] or [given.source],
        lease=given.lease,
        freeze=given.freeze,
    )


def policy_of(where: Path, mode: Mode, **settings: Any) -> list[Policy]:
    """Return the policies of manifests."""
    return policies(life_in(where, **settings).needs(mode))


def statements(found: list[Policy]) -> list[dict[str, Any]]:
    """Return the statements of all policies."""
    return [one for policy in found for one in policy["Statement"]]


def allowed(found: list[Policy], action: str) -> list[tuple[list[str], Any]]:
    """Return the resources and conditions of each statement with an action."""
    return [
        (one["Resource"] if isinstance(one["Resource"], list) else [one["Resource"]], one.get("Condition"))
        for one in statements(found)
        if action in one["Action"]
    ]


@pytest.fixture
def shop(tmp_path: Path) -> Any:
    """Return a function that writes resources and returns their folder."""

    def write(resources: str, head: str = HEAD) -> Path:
        (tmp_path / "application.yaml").write_text(head)
        (tmp_path / "resources.yaml").write_text(f"apiVersion: ecsync/v1\nresources:\n{resources}")
        return tmp_path

    return write


class TestTable:
    """The table of IAM has everything that kinds call."""

    def test_it_has_every_operation_of_every_kind(self) -> None:
        """A kind with a new operation needs a line in the table."""
        declared = {
            operation
            for kind in kinds.ALL
            for operation in (
                *kind.reads,
                *kind.writes,
                *kind.deletes,
                *(kind.tagging.operations if kind.tagging else ()),
            )
        }
        assert declared - set(ALL_OPERATIONS) == set()
        beside = {"*", "s3.bucket", "s3.object", "dynamodb.table", "ssm.parameter"}  # their names come from settings
        assert {of for one in ALL_OPERATIONS for of in types_of(one)} - beside == set(EVERY)

    def test_it_has_the_resource_type_of_every_kind_with_tags(self) -> None:
        """Tags are written on that type."""
        assert {kind.name for kind in kinds.ALL if kind.tagging} == set(OWN)

    def test_every_declared_right_is_given_to_some_document(self, shop: Any) -> None:
        """What a kind declares beside its operations (`Kind.rights`) is in the policy where it is needed."""
        found = policy_of(shop(RIGHTS), "apply")
        actions = {action for one in statements(found) for action in one["Action"]}
        assert {right for kind in kinds.ALL for right in kind.rights} - actions == set()


RIGHTS = """
  Network/main: {default: true}
  Role/node:
    AssumeRolePolicyDocument:
      Statement: [{Effect: Allow, Principal: {Service: ecs-tasks.amazonaws.com}, Action: "sts:AssumeRole"}]
    InstanceProfile: true
  LaunchTemplate/node:
    LaunchTemplateData:
      ImageId: resolve:ssm:/aws/service/ecs/image
      IamInstanceProfile: {Arn: "${Role/node.instanceProfileArn}"}
  AutoScalingGroup/node:
    MinSize: 1
    MaxSize: 1
    LaunchTemplate: {LaunchTemplateId: "${LaunchTemplate/node}"}
    VPCZoneIdentifier: ${Network/main.subnetIds}
  CapacityProvider/node: {autoScalingGroupProvider: {autoScalingGroupArn: "${AutoScalingGroup/node.arn}"}}
  LoadBalancer/web: {Subnets: "${Network/main.subnetIds}"}
  Listener/web:
    LoadBalancerArn: ${LoadBalancer/web}
    Protocol: HTTPS
    Port: 443
    Certificates: [{CertificateArn: "arn:aws:acm:eu-west-1:123456789012:certificate/1"}]
    DefaultActions:
      - Type: authenticate-cognito
        Order: 1
        AuthenticateCognitoConfig:
          UserPoolArn: arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_a
          UserPoolClientId: client
          UserPoolDomain: shop
      - {Type: fixed-response, Order: 2, FixedResponseConfig: {StatusCode: "404"}}
  ScalableTarget/web: {Service: shop/web, MinCapacity: 1, MaxCapacity: 2}
  ScalingPolicy/web:
    Service: shop/web
    PolicyType: TargetTrackingScaling
    TargetTrackingScalingPolicyConfiguration:
      PredefinedMetricSpecification: {PredefinedMetricType: ECSServiceAverageCPUUtilization}
      TargetValue: 50
"""


class TestResources:
    """Writes are limited to what the manifests name."""

    def test_a_role_is_passed_to_its_service_only(self, shop: Any) -> None:
        """A declared role has the path that it is created with; a literal ARN stays as it is."""
        where = shop("""
  Role/task:
    RoleName: shop-task
    AssumeRolePolicyDocument:
      Statement: [{Effect: Allow, Principal: {Service: ecs-tasks.amazonaws.com}, Action: "sts:AssumeRole"}]
  TaskDefinition/web:
    family: web
    taskRoleArn: ${Role/task.arn}
    executionRoleArn: arn:aws:iam::123456789012:role/given/execution
    containerDefinitions: [{name: web, image: nginx, memory: 128}]
""")
        roles = [f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("ecsync/prod/shop-task", "given/execution")]
        condition = {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
        assert allowed(policy_of(where, "apply"), "iam:PassRole") == [(roles, condition)]

    def test_a_role_of_an_instance_is_passed_to_ec2_of_its_partition(self, shop: Any) -> None:
        """In China EC2 has two names."""
        where = shop(RIGHTS.replace("eu-west-1", "cn-north-1"), HEAD.replace("eu-west-1", "cn-north-1"))
        role = f"arn:aws-cn:iam::{ACCOUNT}:role/ecsync/prod/node"
        names = ["ec2.amazonaws.com", "ec2.amazonaws.com.cn"]
        condition = {"StringEquals": {"iam:PassedToService": names}}
        assert allowed(policy_of(where, "apply"), "iam:PassRole") == [([role], condition)]

    def test_names_come_from_references(self) -> None:
        """A service is in the cluster that it refers to, and a rule is below the load balancer of its listener."""
        found = policy_of(MANIFESTS / "quickstart", "prune")
        arn = f"arn:aws:ecs:eu-west-1:{ACCOUNT}:service/quickstart/web"
        ((deleted, _),) = allowed(found, "ecs:DeleteService")
        assert arn in deleted
        ((rules, _),) = allowed(found, "elasticloadbalancing:DeleteRule")
        assert f"arn:aws:elasticloadbalancing:eu-west-1:{ACCOUNT}:listener-rule/app/quickstart/*" in rules

    def test_what_has_an_id_is_limited_by_our_tag(self) -> None:
        """A security group of another owner cannot be changed, and a new one must get our tag."""
        found = policy_of(MANIFESTS / "quickstart", "prune")
        groups = [f"arn:aws:ec2:eu-west-1:{ACCOUNT}:security-group/*"]
        ours = {"StringLike": {"aws:ResourceTag/ecsync:owner": "v1/prod/quickstart/*"}}
        assert allowed(found, "ec2:DeleteSecurityGroup") == [(groups, ours)]
        assert (groups, {"StringLike": {"aws:RequestTag/ecsync:owner": "v1/prod/quickstart/*"}}) in allowed(
            found, "ec2:CreateSecurityGroup"
        )

    @pytest.mark.parametrize(
        ("region", "partition"),
        [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("", "aws")],
    )
    def test_the_partition_is_that_of_the_region(self, region: str, partition: str) -> None:
        """Source: botocore's partitions.json."""
        assert Place("1", region).every("ecs.cluster") == f"arn:{partition}:ecs:{region or '*'}:1:cluster/*"

    def test_what_is_not_written_needs_no_write(self, shop: Any) -> None:
        """A role of an application without `manage` is only read."""
        where = shop(
            """
  Role/task:
    RoleName: task
    AssumeRolePolicyDocument:
      Statement: [{Effect: Allow, Principal: {Service: ecs-tasks.amazonaws.com}, Action: "sts:AssumeRole"}]
  Cluster/main: {clusterName: main}
""",
            HEAD.replace(", manage: [all]", ""),
        )
        actions = {action for one in statements(policy_of(where, "prune")) for action in one["Action"]}
        assert "ecs:CreateCluster" in actions
        assert "iam:CreateRole" not in actions
        assert "iam:GetRole" in actions

    def test_what_is_retained_is_not_deleted(self) -> None:
        """Log groups and roles lose our tags; their deletion is not in the policy."""
        actions = {a for one in statements(policy_of(MANIFESTS / "quickstart", "prune")) for a in one["Action"]}
        assert not actions & {"logs:DeleteLogGroup", "iam:DeleteRole", "ecs:DeregisterTaskDefinition"}

    def test_the_source_and_the_lease_are_in_it(self) -> None:
        """S3 is read below the prefix; only the lease is written, and not by an observer."""
        where, given = MANIFESTS / "nightly", {"source": "s3://bucket/production", "region": "eu-west-1"}
        observe, apply = policy_of(where, "observe", **given), policy_of(where, "apply", **given)
        listed, missing = {"StringLike": {"s3:prefix": "production/*"}}, {"Null": {"s3:prefix": "true"}}
        assert allowed(observe, "s3:ListBucket") == [(["arn:aws:s3:::bucket"], one) for one in (listed, missing)]
        assert allowed(observe, "s3:GetObject") == [(["arn:aws:s3:::bucket/production/*"], None)]
        assert allowed(observe, "s3:PutObject") == []
        lease = "arn:aws:s3:::bucket/production/.ecsync-lease-prod"
        assert allowed(apply, "s3:PutObject") == [([lease], None)]
        table = f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/leases"
        in_table = policy_of(where, "apply", **given, lease="dynamodb:leases")
        assert allowed(in_table, "dynamodb:PutItem") == [([table], None)]
        frozen = policy_of(where, "apply", **given, freeze="ssm:/ecsync/freeze")
        parameter = f"arn:aws:ssm:eu-west-1:{ACCOUNT}:parameter/ecsync/freeze"
        assert allowed(frozen, "ssm:GetParameter") == [([parameter], None)]
        assert allowed(in_table, "s3:PutObject") == []

    def test_each_source_in_s3_is_read(self) -> None:
        """Those in git need no permission of AWS, and several sources have no lease beside them."""
        sources = {"a": {"source": "s3://one/x"}, "b": {"source": "s3://two"}, "c": {"source": "git+https://h/o/r.git"}}
        found = policy_of(MANIFESTS / "nightly", "apply", sources=sources, region="eu-west-1")
        assert allowed(found, "s3:GetObject") == [(["arn:aws:s3:::one/x/*", "arn:aws:s3:::two/*"], None)]
        assert allowed(found, "s3:PutObject") == []


class TestPolicy:
    """What AWS demands of a policy."""

    @STACKS
    @MODES
    def test_it_is_valid(self, stack: str, mode: Mode) -> None:
        """Statements have different alphanumeric Sids, and each policy is short enough."""
        found = policy_of(MANIFESTS / stack, mode)
        sids = [one["Sid"] for one in statements(found)]
        assert len(sids) == len(set(sids))
        assert all(re.fullmatch(r"[A-Za-z0-9]+", sid) for sid in sids)
        assert all(size(policy) <= LIMIT for policy in found)

    @STACKS
    def test_a_mode_contains_the_one_before(self, stack: str) -> None:
        """A caller that may prune may apply, and one that may apply may observe."""
        life = life_in(MANIFESTS / stack)
        for smaller, larger in (("observe", "apply"), ("apply", "prune")):
            granted = statements_of(policies(life.needs(larger)))  # type: ignore[arg-type]
            assert list(lacking(life.needs(smaller), granted)) == []  # type: ignore[arg-type]

    def test_the_same_manifests_give_the_same_text(self, tmp_path: Path) -> None:
        """The order of documents and files does not matter."""
        first, second = tmp_path / "first", tmp_path / "second"
        head, *documents = (MANIFESTS / "tilog" / "network.yaml").read_text().split("\n---\n")
        for where, parts in ((first, [head, *documents]), (second, [*documents, head])):
            where.mkdir()
            (where / "application.yaml").write_text((MANIFESTS / "tilog" / "application.yaml").read_text())
            (where / "network.yaml").write_text("\n---\n".join(parts))
        texts = {json.dumps(policy_of(where, "prune")) for where in (first, second)}
        assert len(texts) == 1

    def test_a_long_policy_becomes_several(self, shop: Any) -> None:
        """Also one statement that is too long alone, and nothing is lost."""
        where = shop("".join(f"  Repository/a-repository-with-a-long-name-{n:03}: {{}}\n" for n in range(120)))
        life = life_in(where)
        found = policies(life.needs("prune"))
        assert len(found) > 1
        assert all(size(policy) <= LIMIT for policy in found)
        assert list(lacking(life.needs("prune"), statements_of(found))) == []
        assert "the permissions are longer than a managed policy may be" in "".join(notes(life, (), found))

    def test_names_become_a_pattern_where_a_role_cannot_have_so_many_policies(self, shop: Any) -> None:
        """The pattern is their common beginning, and a note has it. Everything that is needed is allowed."""
        names = [f"a-repository-with-a-long-name-{n:03}" for n in range(900)]
        life = life_in(shop("".join(f"  Repository/{name}: {{}}\n" for name in names)))
        needs = life.needs("apply")
        assert len(policies(needs)) > PER_ROLE
        found, patterns = fitting(needs)
        pattern = f"arn:aws:ecr:eu-west-1:{ACCOUNT}:repository/a-repository-with-a-long-name-*"
        assert patterns == {pattern: 900}
        assert len(found) == 1
        assert list(lacking(needs, statements_of(found))) == []
        assert f"{pattern} stands for 900 ARNs" in "".join(notes(life, needs, found, patterns))

    def test_what_is_not_known_has_a_note(self, shop: Any) -> None:
        """Without account, Region and installation, ARNs have `*`, and a note names each setting."""
        where = shop("  Cluster/main: {}\n", HEAD.replace("target: {region: eu-west-1}, ", ""))
        life = life_in(where, account="", installation="")
        found = policies(life.needs("apply"))
        assert (["arn:aws:ecs:*:*:cluster/main"], None) in allowed(found, "ecs:CreateCluster")
        text = "\n".join(notes(life, life.needs("apply"), found))
        assert all(flag in text for flag in ("--account", "--region", "--installation"))


class TestCheck:
    """What a given policy lacks."""

    @STACKS
    @MODES
    def test_its_own_policy_lacks_nothing_and_without_a_statement_exactly_that(self, stack: str, mode: Mode) -> None:
        """Each missing permission is one of the statement that was removed."""
        needs = life_in(MANIFESTS / stack).needs(mode)
        granted = statements_of(policies(needs))
        assert list(lacking(needs, granted)) == []
        for removed in granted:
            missing = list(lacking(needs, [one for one in granted if one is not removed]))
            assert missing
            assert {one.action for one in missing} <= set(removed.actions)

    def test_a_line_has_the_call_the_action_the_resource_and_the_documents(self) -> None:
        """It is one line, and what every pass needs has no document."""
        needs = life_in(MANIFESTS / "quickstart").needs("prune")
        everything = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
        denied = {"Effect": "Deny", "Action": ["ecs:DeleteC*", "tag:*"], "Resource": "*"}
        cluster = f"arn:aws:ecs:eu-west-1:{ACCOUNT}:cluster/quickstart"
        assert list(map(str, lacking(needs, statements_of({"Statement": [*everything, denied]})))) == [
            "resourcegroupstaggingapi.GetResources: allow tag:GetResources on * (every pass)",
            f"ecs.DeleteCluster: allow ecs:DeleteCluster on {cluster} (Cluster/quickstart/main)",
        ]

    @pytest.mark.parametrize(
        ("statement", "lacks"),
        [
            ({"Action": "iam:PassRole", "Resource": "*"}, False),
            ({"Action": "IAM:Pass*", "Resource": f"arn:aws:iam::{ACCOUNT}:role/ecsync/*"}, False),
            ({"NotAction": "ecs:*", "Resource": "*"}, False),
            ({"NotAction": "iam:*", "Resource": "*"}, True),
            ({"Action": "iam:PassRole", "NotResource": "arn:aws:s3:::*"}, False),
            ({"Action": "iam:PassRole", "NotResource": "arn:aws:iam::*"}, True),
            ({"Action": "iam:PassRole", "Resource": f"arn:aws:iam::{ACCOUNT}:role/other"}, True),
        ],
    )
    def test_a_statement_is_read_as_iam_reads_it(self, statement: dict[str, Any], lacks: bool) -> None:
        """Wildcards, letters of either case in actions, and what is excluded."""
        assert bool(_missing("iam:PassRole", {"Effect": "Allow", **statement})) == lacks

    @pytest.mark.parametrize(
        ("condition", "lacks"),
        [
            ({"StringEquals": {"iam:PassedToService": ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"]}}, False),
            ({"StringLike": {"iam:passedtoservice": "ecs*"}}, False),
            ({"StringEqualsIfExists": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}, False),
            ({"Null": {"iam:PassedToService": "false"}}, False),
            ({"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}, True),
            ({"Bool": {"aws:MultiFactorAuthPresent": "true"}}, True),
        ],
    )
    def test_a_condition_must_hold_in_every_case(self, condition: dict[str, Any], lacks: bool) -> None:
        """A condition on what is not known about the call is not met."""
        statement = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}
        assert bool(_missing("iam:PassRole", statement)) == lacks

    @pytest.mark.parametrize(
        "document", [{}, [1], {"Statement": [{"Effect": "Maybe"}]}, {"Statement": {"Effect": "Allow"}}]
    )
    def test_what_is_no_policy_is_an_error(self, document: Any) -> None:
        """The message states what a policy has."""
        with pytest.raises(NotAPolicy):
            statements_of(document)


def _missing(action: str, statement: dict[str, Any]) -> list[str]:
    needs = [one for one in life_in(MANIFESTS / "quickstart").needs("apply") if one.action == action]
    assert needs
    return list(map(str, lacking(needs, statements_of({"Statement": statement}))))

"""Single checks over documents and a stub of AWS: batches, and cases that a whole account has seldom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from ecsync.core.model import Desired, Key, Origin, Present
from ecsync.core.ports import AwsError
from ecsync.verify.ask import Ask
from ecsync.verify.certificates import certificates
from ecsync.verify.checks import CheckOf
from ecsync.verify.images import images
from ecsync.verify.logs import logs
from ecsync.verify.model import Document, Scope
from ecsync.verify.network import network
from ecsync.verify.quotas import quotas
from ecsync.verify.roles import roles
from ecsync.verify.secrets import secrets
from tests.verify.account import INDEX, REGISTRY

ACM = "arn:aws:acm:eu-west-1:123456789012:certificate/a"
LISTENER = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/a/1/2"


@dataclass
class Aws:
    """Returns the prepared answer of each operation: a value, or what a function makes of the parameters."""

    answers: dict[str, Any]
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def call(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        """Make a call."""
        self.calls.append((f"{service}.{operation}", params))
        answer = self.answers[operation]
        found: Mapping[str, Any] = answer(params) if callable(answer) else answer
        return found

    def pages(self, service: str, operation: str, result: str, /, **params: Any) -> Iterator[Any]:
        """Yield the items of a call."""
        yield from self.call(service, operation, **params)[result]

    cached = call


def _document(kind: str, name: str = "a", live: Mapping[str, str] | None = None, **body: Any) -> Document:
    desired = Desired(key=Key("shop", kind, name), body=body, origin=Origin("all.yaml", 7))
    return Document(desired=desired, written=body, live=Present(body={}, outputs=live) if live else None)


def _task(name: str = "a", **container: Any) -> Document:
    return _document(
        "TaskDefinition", name, requiresCompatibilities=["FARGATE"], containerDefinitions=[{"name": "c", **container}]
    )


def _results(check: CheckOf, aws: Aws, *documents: Document) -> list[tuple[str, str]]:
    """Return the verdict and the message of each finding."""
    scope = Scope(
        account="123456789012",
        region="eu-west-1",
        partition="aws",
        now=datetime(2026, 1, 1, tzinfo=UTC),
        documents=documents,
    )
    return [(one.verdict, one.message) for one in check(scope, Ask(aws))]


def _missing(code: str = "ImageNotFoundException") -> Any:
    def fail(_: Any) -> Any:
        raise AwsError("missing", code, "not there", "ecr.DescribeImages")

    return fail


class TestImages:
    """Images of private repositories."""

    def test_a_call_asks_for_a_hundred_images_of_a_repository(self) -> None:
        """A service more does not make a call more."""
        aws = Aws(
            {
                "DescribeImages": lambda params: {
                    "imageDetails": [{"imageTags": [one["imageTag"]], "imageDigest": ""} for one in params["imageIds"]]
                }
            }
        )
        found = _results(images, aws, *(_task(str(n), image=f"{REGISTRY}/web:{n}") for n in range(150)))
        assert {verdict for verdict, _ in found} == {"passed"}
        assert [len(params["imageIds"]) for _, params in aws.calls] == [100, 50]

    def test_an_image_that_is_missing_hides_no_other(self) -> None:
        """AWS fails the call for all of them: they are asked one by one."""

        def describe(params: Any) -> Any:
            if "gone" in [one["imageTag"] for one in params["imageIds"]]:
                _missing()(params)
            return {"imageDetails": [{"imageTags": ["v1"], "imageDigest": "sha256:1"}]}

        aws = Aws({"DescribeImages": describe})
        found = _results(images, aws, _task("a", image=f"{REGISTRY}/web:gone"), _task("b", image=f"{REGISTRY}/web:v1"))
        assert [verdict for verdict, _ in found] == ["failed", "passed"]

    @pytest.mark.parametrize(
        ("prefix", "verdict", "message"),
        [
            ("docker-hub", "not checked", "the first pull creates repository docker-hub/nginx"),
            ("quay", "failed", "there is no repository docker-hub/nginx"),
        ],
    )
    def test_a_repository_of_a_pull_through_cache_is_created_by_the_first_pull(
        self, prefix: str, verdict: str, message: str
    ) -> None:
        """It is no fault; without a rule for its prefix it is one."""
        rules = {"pullThroughCacheRules": [{"ecrRepositoryPrefix": prefix}]}
        aws = Aws({"DescribeImages": _missing("RepositoryNotFoundException"), "DescribePullThroughCacheRules": rules})
        [(found, text)] = _results(images, aws, _task(image=f"{REGISTRY}/docker-hub/nginx:1"))
        assert (found, text.startswith(message)) == (verdict, True)

    @pytest.mark.parametrize(
        ("task", "verdict"),
        [
            ({"requiresCompatibilities": ["FARGATE"], "runtimePlatform": {"cpuArchitecture": "ARM64"}}, "failed"),
            ({"requiresCompatibilities": ["FARGATE"]}, "passed"),
            ({"requiresCompatibilities": ["EC2"]}, "not checked"),
            ({"requiresCompatibilities": ["EC2"], "runtimePlatform": {"cpuArchitecture": "X86_64"}}, "passed"),
            (
                {
                    "requiresCompatibilities": ["FARGATE"],
                    "runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"},
                },
                "failed",
            ),
        ],
    )
    def test_the_platform_is_that_of_the_task(self, task: dict[str, Any], verdict: str) -> None:
        """On Fargate the default is X86_64; on EC2 without a declaration the instances decide."""
        detail = {"imageTags": ["1"], "imageDigest": "sha256:1", "imageManifestMediaType": INDEX}
        manifest = '{"manifests": [{"platform": {"os": "linux", "architecture": "amd64"}}]}'
        aws = Aws(
            {"DescribeImages": {"imageDetails": [detail]}, "BatchGetImage": {"images": [{"imageManifest": manifest}]}}
        )
        document = _document("TaskDefinition", containerDefinitions=[{"image": f"{REGISTRY}/web:1"}], **task)
        assert [found for found, _ in _results(images, aws, document)] == [verdict]


class TestSecrets:
    """Secrets and parameters."""

    def test_a_call_asks_for_fifty_parameters(self) -> None:
        """And never for a value."""
        aws = Aws(
            {
                "DescribeParameters": lambda params: {
                    "Parameters": [{"Name": name} for name in params["ParameterFilters"][0]["Values"]]
                }
            }
        )
        named = [{"name": "A", "valueFrom": f"/shop/{number}"} for number in range(70)]
        found = _results(secrets, aws, _task(secrets=named))
        assert {verdict for verdict, _ in found} == {"passed"}
        assert [(name, len(params["ParameterFilters"][0]["Values"])) for name, params in aws.calls] == [
            ("ssm.DescribeParameters", 50),
            ("ssm.DescribeParameters", 20),
        ]

    def test_a_secret_that_is_to_be_deleted_cannot_be_read(self) -> None:
        """AWS still describes it."""
        aws = Aws({"DescribeSecret": {"ARN": "a", "DeletedDate": "2026-01-01"}})
        arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-abcdef"
        [(verdict, message)] = _results(secrets, aws, _task(secrets=[{"name": "A", "valueFrom": arn}]))
        assert (verdict, message) == ("failed", "the secret is to be deleted, and cannot be read any more")


def test_a_call_asks_for_fifty_log_groups() -> None:
    """One that the answer leaves out does not exist."""
    aws = Aws({"DescribeLogGroups": lambda params: {"logGroups": [{"logGroupName": "/0"}] if params else []}})
    containers = [
        {"name": "c", "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": f"/{number}"}}}
        for number in range(60)
    ]
    found = _results(logs, aws, _document("TaskDefinition", containerDefinitions=containers))
    assert [verdict for verdict, _ in found].count("passed") == 1
    assert len(aws.calls) == 2


class TestRoles:
    """What a role must allow."""

    @pytest.mark.parametrize(("allowed", "verdict"), [(True, "passed"), (False, "failed")])
    def test_a_secret_with_a_key_of_the_customer_needs_its_decryption(self, allowed: bool, verdict: str) -> None:
        """kms:Decrypt on that key; the key of AWS needs no right."""
        secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-abcdef"
        trust = {
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ]
        }

        def simulate(params: Any) -> Any:
            return {
                "EvaluationResults": [
                    {
                        "EvalActionName": action,
                        "EvalResourceName": resource,
                        "EvalDecision": "allowed" if allowed or action != "kms:Decrypt" else "implicitDeny",
                    }
                    for action in params["ActionNames"]
                    for resource in params["ResourceArns"]
                ]
            }

        aws = Aws(
            {
                "DescribeSecret": {"ARN": secret, "KmsKeyId": "1234"},
                "GetRole": {"Role": {"Arn": "arn:aws:iam::123456789012:role/r", "AssumeRolePolicyDocument": trust}},
                "SimulatePrincipalPolicy": simulate,
            }
        )
        task = _document(
            "TaskDefinition",
            executionRoleArn="arn:aws:iam::123456789012:role/r",
            containerDefinitions=[{"secrets": [{"name": "A", "valueFrom": secret}]}],
        )
        assert [found for found, _ in _results(roles, aws, task)] == ["passed", "passed", verdict]

    def test_a_declared_role_with_a_policy_that_does_not_exist_fails(self) -> None:
        """AWS would refuse to attach it."""
        aws = Aws({"GetPolicy": _missing("NoSuchEntity")})
        trust = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}
        role = _document(
            "Role",
            RoleName="r",
            AssumeRolePolicyDocument=trust,
            ManagedPolicyArns=["arn:aws:iam::aws:policy/Gone"],
        )
        task = _document("TaskDefinition", executionRoleArn="r", containerDefinitions=[])
        found = _results(roles, aws, role, task)
        assert [verdict for verdict, _ in found] == ["passed", "failed"]
        assert found[1][1].startswith("a policy of Role/a does not exist")

    @pytest.mark.parametrize(
        ("compatibilities", "verdicts"),
        [(["FARGATE"], ["failed", "failed", "failed", "failed"]), (["EC2"], [*3 * ["not checked"], "failed"])],
    )
    def test_without_an_execution_role_no_image_is_pulled_on_fargate(
        self, compatibilities: list[str], verdicts: list[str]
    ) -> None:
        """On EC2 the role of the instance does, but it gives no secret to a container."""
        task = _document(
            "TaskDefinition",
            requiresCompatibilities=compatibilities,
            containerDefinitions=[{"image": f"{REGISTRY}/a:1", "secrets": [{"name": "A", "valueFrom": "/a"}]}],
        )
        found = _results(roles, Aws({"DescribeParameters": {"Parameters": [{"Name": "/a"}]}}), task)
        assert [verdict for verdict, _ in found] == verdicts


ROUTED = {"Associations": [{"SubnetId": "subnet-1"}], "RouteTableId": "rtb-1"}
MAIN = {"Associations": [{"Main": True}], "RouteTableId": "rtb-0"}
DEFAULT = {"DestinationCidrBlock": "0.0.0.0/0"}
S3 = {"ServiceName": "com.amazonaws.eu-west-1.s3", "VpcEndpointType": "Gateway"}
ECR = [
    {"ServiceName": f"com.amazonaws.eu-west-1.ecr.{name}", "VpcEndpointType": "Interface"} for name in ("api", "dkr")
]


class TestNetwork:
    """Routes of the subnets of Fargate tasks."""

    @pytest.mark.parametrize(
        ("routes", "endpoints", "verdict"),
        [
            ([{**DEFAULT, "NatGatewayId": "nat-1"}], [], "passed"),
            ([{**DEFAULT, "NatGatewayId": "nat-1", "State": "blackhole"}], [], "failed"),
            ([{**DEFAULT, "TransitGatewayId": "tgw-1"}], [], "passed"),
            ([{**DEFAULT, "GatewayId": "igw-1"}], [], "failed"),
            ([{"DestinationCidrBlock": "10.0.0.0/8", "GatewayId": "local"}], [], "failed"),
            ([], [*ECR, {**S3, "RouteTableIds": ["rtb-1"]}], "passed"),
            ([], [*ECR, {**S3, "RouteTableIds": ["rtb-0"]}], "failed"),
            ([], [{**ECR[0], "State": "pending"}, ECR[1], {**S3, "RouteTableIds": ["rtb-1"]}], "failed"),
        ],
    )
    def test_a_route_out_or_endpoints_are_needed(self, routes: Any, endpoints: Any, verdict: str) -> None:
        """The endpoint of S3 counts if it is in the route table of the subnet; a blackhole is no route."""
        answers = {
            "DescribeSubnets": {"Subnets": [{"SubnetId": "subnet-1", "VpcId": "vpc-1"}]},
            "DescribeRouteTables": {"RouteTables": [MAIN, {**ROUTED, "Routes": routes}]},
            "DescribeVpcEndpoints": {"VpcEndpoints": endpoints},
        }
        service = _service(launchType="FARGATE")
        assert [found for found, _ in _results(network, Aws(answers), _web(), service)] == [verdict]

    def test_on_instances_the_subnets_are_not_checked(self) -> None:
        """The agent pulls images through the network of the instance: AWS is not asked."""
        [(verdict, message)] = _results(network, Aws({}), _web(), _service(launchType="EC2"))
        assert (verdict, message) == ("not checked", "not on Fargate: the agent uses the network of its instance")


def _web() -> Document:
    return _document("TaskDefinition", "web", live={"arn": "web"}, containerDefinitions=[{"image": f"{REGISTRY}/a:1"}])


def _service(**body: Any) -> Document:
    subnets = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
    return _document("Service", taskDefinition="web", networkConfiguration=subnets, **body)


class TestCertificates:
    """Certificates of listeners."""

    @pytest.mark.parametrize(
        ("certificate", "verdict", "message"),
        [
            ({"Status": "ISSUED", "NotAfter": "2030-01-01T00:00:00Z"}, "passed", "the certificate is valid until"),
            (
                {"Status": "ISSUED", "NotAfter": "2025-12-31T00:00:00Z"},
                "failed",
                "the certificate expired on 2025-12-31",
            ),
            ({"Status": "PENDING_VALIDATION"}, "failed", "the certificate is PENDING_VALIDATION, not ISSUED"),
        ],
    )
    def test_a_certificate_is_issued_and_not_expired(self, certificate: Any, verdict: str, message: str) -> None:
        """By its status and by the time."""
        aws = Aws({"DescribeCertificate": {"Certificate": certificate}})
        [found] = _results(certificates, aws, _document("Listener", Certificates=[{"CertificateArn": ACM}]))
        assert (found[0], found[1].startswith(message)) == (verdict, True)

    def test_the_certificates_of_a_listener_that_is_not_declared_are_those_in_aws(self) -> None:
        """All of them count, as a client names its host (SNI)."""
        aws = Aws(
            {
                "DescribeListenerCertificates": {"Certificates": [{"CertificateArn": ACM}]},
                "DescribeCertificate": {"Certificate": {"DomainName": "a.org", "SubjectAlternativeNames": ["b.org"]}},
            }
        )
        conditions = [{"Field": "host-header", "HostHeaderConfig": {"Values": ["b.org", "c.org"]}}]
        rule = _document("ListenerRule", ListenerArn=LISTENER, Conditions=conditions)
        assert [verdict for verdict, _ in _results(certificates, aws, rule)] == ["passed", "failed"]


def test_rules_of_default_actions_do_not_count() -> None:
    """The rules of all listeners of a load balancer count together."""
    balancer = _document("LoadBalancer", live={"arn": "lb"})
    listener = _document("Listener", live={"arn": LISTENER}, LoadBalancerArn="lb")
    rules = [_document("ListenerRule", str(number), ListenerArn=LISTENER) for number in range(2)]
    aws = Aws(
        {
            "DescribeAccountLimits": {"Limits": [{"Name": "rules-per-application-load-balancer", "Max": "3"}]},
            "DescribeListeners": {"Listeners": [{"ListenerArn": LISTENER}, {"ListenerArn": "other"}]},
            "DescribeRules": {"Rules": [{"IsDefault": True}, {"IsDefault": False}]},
        }
    )
    found = _results(quotas, aws, balancer, listener, *rules)
    assert found == [("failed", "the quota is exceeded: 2 there, 2 added, quota 3")]
    assert _results(quotas, aws, balancer, listener, rules[0]) == [("passed", "2 there, 1 added, quota 3")]

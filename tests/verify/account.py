"""What manifests refer to, put into the simulated account by its other clients."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.whole.support.environment import ACCOUNT, REGION, Environment

REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
INDEX = "application/vnd.oci.image.index.v1+json"
SINGLE = "application/vnd.docker.distribution.manifest.v2+json"
CALLER = "simulated"  # the access key of this process
PULL = ["ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
LOGS = ["logs:CreateLogStream", "logs:PutLogEvents"]


class Contents:
    """The account of one test."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment

    def aws(self, service: str) -> Any:
        """Return a client of the account."""
        return self.environment.aws(service)

    def image(self, repository: str, tag: str, *platforms: str) -> str:
        """Push an image, or an index with platforms (`linux/arm64`); return its digest."""
        ecr = self.aws("ecr")
        if repository not in {one["repositoryName"] for one in ecr.describe_repositories()["repositories"]}:
            ecr.create_repository(repositoryName=repository)
        manifest: dict[str, Any] = {"schemaVersion": 2, "mediaType": INDEX if platforms else SINGLE, "tag": tag}
        for platform in platforms:
            system, _, architecture = platform.partition("/")
            one = {"mediaType": SINGLE, "size": 1, "digest": f"sha256:{'0' * 64}"}
            manifest.setdefault("manifests", []).append(
                {**one, "platform": {"os": system, "architecture": architecture}}
            )
        put = ecr.put_image(
            repositoryName=repository,
            imageTag=tag,
            imageManifest=json.dumps(manifest),
            imageManifestMediaType=manifest["mediaType"],
        )
        return str(put["image"]["imageId"]["imageDigest"])

    def role(self, name: str, *actions: str, trusts: str = "ecs-tasks.amazonaws.com", resource: str = "*") -> str:
        """Create a role with an inline policy; return its ARN."""
        iam = self.aws("iam")
        trust = {"Effect": "Allow", "Principal": {"Service": trusts}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        arn = str(iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"])
        if actions:
            statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
            policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy)
        return arn

    def secret(self, name: str) -> str:
        """Create a secret; return its ARN."""
        return str(self.aws("secretsmanager").create_secret(Name=name, SecretString="hidden-value")["ARN"])

    def parameter(self, name: str) -> None:
        """Create a parameter."""
        self.aws("ssm").put_parameter(Name=name, Value="hidden-value", Type="SecureString")

    def subnet(self, *, nat: bool = False, gateway: bool = False) -> tuple[str, str]:
        """Create a VPC with one subnet; return both ids."""
        ec2 = self.aws("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.0.0/24")["Subnet"]["SubnetId"]
        table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
        if nat:
            target = {"NatGatewayId": ec2.create_nat_gateway(SubnetId=subnet)["NatGateway"]["NatGatewayId"]}
            ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", **target)
        if gateway:
            made = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
            ec2.attach_internet_gateway(InternetGatewayId=made, VpcId=vpc)
            ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=made)
        return vpc, subnet

    def endpoints(self, vpc: str, *names: str) -> None:
        """Create interface endpoints; `s3` is a gateway endpoint of every route table of the VPC."""
        ec2 = self.aws("ec2")
        tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
        for name in names:
            more: dict[str, Any] = {"VpcEndpointType": "Interface"}
            if name == "s3":
                more = {"VpcEndpointType": "Gateway", "RouteTableIds": [one["RouteTableId"] for one in tables]}
            ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=f"com.amazonaws.{REGION}.{name}", **more)

    def certificate(self, *names: str, until: int = 2099) -> str:
        """Import a certificate for host names, valid until a year; return its ARN."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime(2001, 1, 1, tzinfo=UTC))
            .not_valid_after(datetime(until, 1, 1, tzinfo=UTC))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), critical=False)
            .sign(key, hashes.SHA256())
        )
        encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        private = key.private_bytes(encoding, form, serialization.NoEncryption())
        imported = self.aws("acm").import_certificate(Certificate=made.public_bytes(encoding), PrivateKey=private)
        return str(imported["CertificateArn"])

    def limit(self, **quotas: int) -> None:
        """Empty the account, and set its quotas; a name has `_` for `-`."""
        self.environment.reset(quotas={name.replace("_", "-"): value for name, value in quotas.items()})

    def deny(self, *actions: str) -> None:
        """Deny actions to the command; everything else is allowed."""
        statements = [
            {"Effect": "Allow", "Action": "*", "Resource": "*"},
            *({"Effect": "Deny", "Action": one, "Resource": "*"} for one in actions),
        ]
        simulator = self.environment.simulator
        simulator.settings = replace(simulator.settings, policies={CALLER: ({"Statement": statements},)})

    def allow_all(self) -> None:
        """End `deny`."""
        simulator = self.environment.simulator
        simulator.settings = replace(simulator.settings, policies={})

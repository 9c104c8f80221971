"""What a simulated AWS needs for given manifests: the VPCs that they look up; and a manual change that fits them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ecsync.aws.clients import Access, Clients
from ecsync.config import Settings
from ecsync.core.model import Application, Desired, Text
from ecsync.core.trees import Json
from ecsync.engine.catalogue import Catalogue
from ecsync.wiring import targets
from ecsync.wiring.registry import all_kinds

_ZONES = "ac"  # every Region of the simulated AWS has these zones
_CIDR = "10.{vpc}.{number}.0/24"
_GROUPS = ("public", "private")


def seed(catalogue: Catalogue, settings: Settings, url: str) -> Iterator[str]:
    """Create each VPC that a Network looks up by tags, and yield what was created."""
    seeded: set[tuple[str, str]] = set()
    for application in catalogue.applications.values():
        for desired in application.resources:
            region, tags = targets.region_of(settings, application), desired.body.get("tags")
            if desired.key.kind != "Network" or not isinstance(tags, Mapping):
                continue
            text = ", ".join(f"{name}={value}" for name, value in sorted(tags.items()))
            if (region, text) not in seeded:
                seeded.add((region, text))
                client = Clients(Access(region=region, endpoint_url=url)).get("ec2", region, once=True)
                _create_vpc(client, region, len(seeded), tags, desired.body.get("subnets") or {})
                yield f"created in the simulated AWS, because {desired.key} looks it up: a VPC with {text} in {region}"


def _create_vpc(client: Any, region: str, vpc: int, tags: Mapping[str, Json], subnets: Mapping[str, Json]) -> None:
    """Create a VPC with public and private subnets in two availability zones."""
    created = client.create_vpc(CidrBlock=f"10.{vpc}.0.0/16", TagSpecifications=_tagged("vpc", tags))["Vpc"]["VpcId"]
    gateway = client.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    client.attach_internet_gateway(InternetGatewayId=gateway, VpcId=created)
    public = client.create_route_table(VpcId=created)["RouteTable"]["RouteTableId"]
    client.create_route(RouteTableId=public, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    places = [(group, zone) for group in _GROUPS for zone in _ZONES]
    for number, (group, zone) in enumerate(places):
        subnet = client.create_subnet(
            VpcId=created,
            CidrBlock=_CIDR.format(vpc=vpc, number=number),
            AvailabilityZone=f"{region}{zone}",
            TagSpecifications=_tagged("subnet", subnets.get(group, {}).get("tags", {})),
        )["Subnet"]["SubnetId"]
        if group == "public":
            client.associate_route_table(RouteTableId=public, SubnetId=subnet)


def _tagged(resource: str, tags: Mapping[str, Json]) -> list[dict[str, Any]]:
    pairs = [{"Key": name, "Value": str(value)} for name, value in tags.items()]
    return [{"ResourceType": resource, "Tags": pairs}] if pairs else []


def drift(catalogue: Catalogue, settings: Settings, url: str) -> str:
    """Return a Python program that stops the tasks of the first service; empty without a service."""
    for application in catalogue.applications.values():
        for desired in application.resources:
            if desired.key.kind == "Service" and desired.options.manage:
                region = targets.region_of(settings, application)
                names = f"cluster={_cluster(application, desired)!r}, service={_name(desired)!r}"
                keys = "aws_access_key_id='simulated', aws_secret_access_key='simulated'"
                client = f"boto3.client('ecs', endpoint_url='{url}', region_name={region!r}, {keys})"
                return f"import boto3; {client}.update_service({names}, desiredCount=0)"
    return ""


def _cluster(application: Application, service: Desired) -> str:
    """Return the name of a service's cluster, as far as it is known from the manifests."""
    cluster = service.body.get("cluster", "default")
    if not isinstance(cluster, Text):
        return str(cluster)
    declared = application.documents.get(cluster.sole.key) if cluster.sole else None
    return _name(declared) if declared is not None else str(cluster)


def _name(desired: Desired) -> str:
    """Return the name of a resource in AWS."""
    return str(all_kinds()[desired.key.kind].known(desired.body).get("name", desired.key.name))

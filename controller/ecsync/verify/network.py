"""Subnets of Fargate tasks: their routes lead to what a task needs to start.

On other launch types the agent of the instance pulls images and writes logs, through the network of the instance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ecsync.core.ports import AwsError
from ecsync.core.trees import Body, Json
from ecsync.verify import logs, secrets
from ecsync.verify.ask import Ask, parts, refusal
from ecsync.verify.images import image_of
from ecsync.verify.model import (
    Check,
    Document,
    Finding,
    Place,
    Refusal,
    Scope,
    containers,
    is_known,
    on_fargate,
    task_of,
)

CHECK = Check("network")
_MOST = 200  # ec2: a filter has at most 200 values
_DEFAULT_ROUTES = ("0.0.0.0/0",)
# What a route may lead to, besides an internet gateway: the tasks then have no need of a public address.
_WAYS_OUT = (
    "NatGatewayId",
    "TransitGatewayId",
    "NetworkInterfaceId",
    "InstanceId",
    "VpcPeeringConnectionId",
    "LocalGatewayId",
    "CoreNetworkArn",
)
_INTERNET = "the internet"  # needed for an image that is not in a private repository of ECR


def network(scope: Scope, ask: Ask) -> Iterator[Finding]:
    """Yield a finding for each subnet of each service."""
    wanted: list[tuple[Document, Sequence[str]]] = []
    for service in scope.of_kind("Service"):
        path = ("networkConfiguration", "awsvpcConfiguration", "subnets")
        subnets = service.get(*path)
        if not subnets:
            continue
        place = service.place(*path)
        if not on_fargate(scope, service):
            yield CHECK.unchecked(place, "", "not on Fargate: the agent uses the network of its instance")
        elif not is_known(subnets):
            yield CHECK.unchecked(place, "", scope.why_unknown(subnets))
        else:
            wanted.append((service, [str(one) for one in subnets]))
    if not wanted:
        return
    found = _found(ask, sorted({subnet for _, subnets in wanted for subnet in subnets}))
    for service, subnets in wanted:
        for number, subnet in enumerate(subnets):
            place = service.place("networkConfiguration", "awsvpcConfiguration", "subnets", number)
            if isinstance(found, Refusal):
                yield CHECK.refused(place, subnet, found)
            elif subnet not in found:
                yield CHECK.failed(place, subnet, "there is no such subnet", "correct its id")
            else:
                yield _judged(scope, ask, service, place, found[subnet])


def _found(ask: Ask, ids: list[str]) -> dict[str, Body] | Refusal:
    found: dict[str, Body] = {}
    for part in parts(ids, _MOST):
        try:
            rows = ask.items("ec2", "DescribeSubnets", "Subnets", Filters=[_filter("subnet-id", part)])
        except AwsError as error:
            return refusal(error)
        found.update({row["SubnetId"]: row for row in rows})
    return found


def _filter(name: str, values: Sequence[str]) -> dict[str, Json]:
    return {"Name": name, "Values": list(values)}


def _judged(scope: Scope, ask: Ask, service: Document, place: Place, subnet: Body) -> Finding:
    name, vpc = str(subnet["SubnetId"]), str(subnet["VpcId"])
    in_vpc = [_filter("vpc-id", [vpc])]
    try:
        tables = ask.items("ec2", "DescribeRouteTables", "RouteTables", Filters=in_vpc)
        table = _table_of(name, tables)
        public_address = service.get("networkConfiguration", "awsvpcConfiguration", "assignPublicIp") == "ENABLED"
        way = _way_out(table)
        if way and (not _to_internet_gateway(way) or public_address):
            return CHECK.passed(place, name, f"its route leads out ({_target(way)})")
        needs = _needs(scope, service)
        endpoints = ask.items("ec2", "DescribeVpcEndpoints", "VpcEndpoints", Filters=in_vpc)
    except AwsError as error:
        return CHECK.refused(place, name, refusal(error))
    lacking = [one for one in needs if not _reached(one, scope.region, str(table.get("RouteTableId")), endpoints)]
    if not lacking:
        return CHECK.passed(place, name, "VPC endpoints reach what the task needs")
    lacks = ", ".join(lacking)
    if way:
        return CHECK.failed(
            place,
            name,
            f"the subnet is public and the tasks have no public address, so they do not reach {lacks}",
            "set assignPublicIp: ENABLED, or use a private subnet with a NAT gateway",
        )
    return CHECK.failed(
        place,
        name,
        f"the subnet has no route out, and the VPC has no endpoint for: {lacks}",
        "add a route to a NAT gateway, or the VPC endpoints",
    )


def _table_of(subnet: str, tables: Sequence[Body]) -> Body:
    """Return the route table of a subnet: its own, else the main one of the VPC."""
    main: Body = {}
    for table in tables:
        for association in table.get("Associations") or ():
            if association.get("SubnetId") == subnet:
                return table
            if association.get("Main"):
                main = table
    return main


def _way_out(table: Body) -> Body | None:
    """Return the active default route to something outside the VPC."""
    for route in table.get("Routes") or ():
        if route.get("DestinationCidrBlock") in _DEFAULT_ROUTES and route.get("State", "active") == "active":
            gateway = str(route.get("GatewayId") or "")
            if gateway.startswith(("igw-", "vgw-")) or any(route.get(member) for member in _WAYS_OUT):
                return dict(route)
    return None


def _to_internet_gateway(route: Body) -> bool:
    return str(route.get("GatewayId") or "").startswith("igw-")


def _target(route: Body) -> str:
    members = ("GatewayId", *_WAYS_OUT)
    return next((str(route[member]) for member in members if route.get(member)), "a gateway")


def _needs(scope: Scope, service: Document) -> list[str]:
    """Return what a task connects to before its containers run, as the last parts of the names of endpoints.

    Source: ECR User Guide, Interface VPC endpoints: Fargate needs ecr.api, ecr.dkr, and S3 for the layers.
    """
    task = task_of(scope, service)
    if task is None:
        return []
    needs: dict[str, None] = {}
    for _, container in containers(task):
        private = image_of(container.get("image")) is not None or not is_known(container.get("image"))
        needs.update(dict.fromkeys(("ecr.api", "ecr.dkr", "s3") if private else (_INTERNET,)))
    if any(logs.uses(task)):
        needs["logs"] = None
    needs.update(dict.fromkeys(use.source.service for use in secrets.uses(task) if use.source is not None))
    if service.get("enableExecuteCommand"):
        needs["ssmmessages"] = None
    return list(needs)


def _reached(need: str, region: str, table: str, endpoints: Sequence[Body]) -> bool:
    for endpoint in endpoints:
        if not str(endpoint.get("ServiceName", "")).endswith(f".{region}.{need}"):
            continue
        if str(endpoint.get("State", "available")).lower() != "available":
            continue
        if endpoint.get("VpcEndpointType") != "Gateway" or table in (endpoint.get("RouteTableIds") or ()):
            return True
    return False

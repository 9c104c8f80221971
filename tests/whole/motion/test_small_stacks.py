"""Small stacks that once did not converge, or mixed the traffic of two services."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecsim import Simulator
from ecsync.aws.clients import Clients
from tests.whole.motion.shapes import APPLICATION, NOTHING, Stack, forward, listener
from tests.whole.support.environment import Controller, Environment, operations

SERVICE = Stack("listener").service("web")


@pytest.fixture
def account(simulator: Simulator, clients: Clients, tmp_path: Path) -> Environment:
    """An empty account, and an empty folder for manifests."""
    return Environment(simulator, clients, tmp_path)


def apply(account: Environment, text: str) -> Controller:
    """Converge a manifest with a new process."""
    (account.manifests / "app.yaml").write_text(APPLICATION + text)
    controller = account.controller()
    controller.converge(pause=50)
    return controller


def two_services(port: int) -> str:
    """Return two services behind target groups with names that differ in the last of 25 characters."""
    group = f'Protocol: HTTP, Port: {port}, TargetType: ip, VpcId: "${{Network/main}}", HealthCheckIntervalSeconds: 6'
    both = "".join(f"  TargetGroup/{one}: {{Name: production-checkout-web-{one}, {group}}}\n" for one in "ab")
    routes = listener("a", 80, forward("a")) + listener("b", 81, forward("b"))
    return both + routes + Stack("two").service("a", name="a") + Stack("two").service("b", name="b")


def test_two_groups_with_one_prefix_are_replaced_by_two(account: Environment) -> None:
    """Each listener forwards to the tasks of its own service, before and after."""
    apply(account, two_services(80))
    before = [one["partly"] for one in account.simulator.outages()]
    apply(account, two_services(8080))
    elb, ecs = account.aws("elbv2"), account.aws("ecs")
    groups = elb.describe_target_groups()["TargetGroups"]
    assert len(groups) == 2
    (balancer,) = elb.describe_load_balancers()["LoadBalancers"]
    found = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    by_port = {one["Port"]: one["DefaultActions"][0]["TargetGroupArn"] for one in found}
    described = ecs.describe_services(cluster="motion", services=["a", "b"])["services"]
    by_service = {one["serviceName"]: one["loadBalancers"][0]["targetGroupArn"] for one in described}
    assert (by_port[80], by_port[81]) == (by_service["a"], by_service["b"])
    assert by_port[80] != by_port[81]
    assert [one["partly"] for one in account.simulator.outages()] == before


GROUP = "Protocol: HTTP, Port: 80, TargetType: ip, VpcId: '${Network/main}'"
STACKS = {
    "a target control port": f"  TargetGroup/t: {{Name: t, {GROUP}, TargetControlPort: 3000, IpAddressType: ipv4, "
    "ProtocolVersion: GRPC}\n",
    "a weighted rule": f"""\
  TargetGroup/a: {{Name: a, {GROUP}}}
  TargetGroup/b: {{Name: b, {GROUP}}}
{listener("http", 80, NOTHING)}\
  ListenerRule/r:
    ListenerArn: ${{Listener/http}}
    Priority: 1
    Conditions: [{{Field: path-pattern, Values: ["/a/*"]}}]
    Actions: [{forward("a 100", "b 0")}]
""",
    "gateway connectors": Stack("none").service()
    + "    gatewayConnectors: [{portName: http, healthCheck: {healthCheckPath: /ok, healthCheckProtocol: HTTP}}]\n",
}


@pytest.mark.parametrize("name", STACKS)
def test_what_was_created_is_not_written_again(account: Environment, name: str) -> None:
    """The process that created the stack, and a new one, find nothing to do."""
    controller = apply(account, STACKS[name])
    with account.writes() as writes:
        controller.run_passes(3)
        account.controller().run_passes(2)
    assert operations(writes) == []


def one_of(name: str) -> str:
    """Return a service with its target group; the listener forwards to it."""
    group = 'Protocol: HTTP, Port: 80, TargetType: ip, VpcId: "${Network/main}", HealthCheckIntervalSeconds: 6'
    service = Stack("one").service(name, name=name)
    return f"  TargetGroup/{name}: {{Name: motion-{name}, {group}}}\n" + listener("http", 80, forward(name)) + service


@pytest.mark.parametrize("prune", [False, True], ids=["kept", "pruned"])
def test_traffic_moves_to_another_service_before_the_old_one_is_deleted(account: Environment, prune: bool) -> None:
    """A service under another name beside the old one: the weights move when the new tasks are healthy."""
    allowed = APPLICATION.replace("mode: enforce", f"mode: enforce, prune: {str(prune).lower()}")
    (account.manifests / "app.yaml").write_text(allowed + one_of("old"))
    account.controller().converge(pause=50)
    before = [one["partly"] for one in account.simulator.outages()]
    (account.manifests / "app.yaml").write_text(allowed + one_of("new"))
    controller = account.controller()
    controller.run_passes(30, every=50)
    assert [one["partly"] for one in account.simulator.outages()] == before
    services = account.aws("ecs").list_services(cluster="motion")["serviceArns"]
    assert len(services) == (1 if prune else 2)
    assert controller.status("Listener/http").sync == "Synced"

"""A service moves from one capacity provider to another, and the cluster gives up the first one."""

from __future__ import annotations

import pytest

from tests.whole.support.environment import SETTLE_SECONDS, Controller, Environment, operations

CLUSTER = "    settings: [{name: containerInsights, value: enabled}]\n"


def strategy(provider: str) -> str:
    """Return the strategy of a service, as YAML."""
    return f"    capacityProviderStrategy: [{{capacityProvider: {provider}, weight: 1}}]\n"


@pytest.fixture
def on_spot(environment: Environment) -> Controller:
    """The quickstart on FARGATE_SPOT, in a cluster with FARGATE too."""
    environment.edit(CLUSTER, f"{CLUSTER}    capacityProviders: [FARGATE, FARGATE_SPOT]\n")
    environment.edit("    launchType: FARGATE\n", strategy("FARGATE_SPOT"))
    controller = environment.controller()
    controller.converge(pause=SETTLE_SECONDS)
    return controller


def providers(environment: Environment) -> list[str]:
    """Return the capacity providers of the cluster."""
    found = environment.aws("ecs").describe_clusters(clusters=["quickstart"])["clusters"][0]["capacityProviders"]
    return sorted(found)


def refusals(environment: Environment) -> list[str]:
    """Return the calls that the simulated AWS has refused."""
    return [f"{one.operation} {one.error_code}" for one in environment.simulator.ledger.mutations() if not one.ok]


def moves(environment: Environment, of_cluster: str, of_service: str) -> None:
    """Declare other providers for the cluster and for the service."""
    path = environment.manifests / "service.yaml"
    lines = path.read_text().splitlines(keepends=True)
    of = {
        "capacityProviders:": f"    capacityProviders: {of_cluster}\n",
        "capacityProviderStrategy:": strategy(of_service),
    }
    for number, line in enumerate(lines):
        lines[number] = next((new for member, new in of.items() if line.strip().startswith(member)), line)
    path.write_text("".join(lines))


@pytest.mark.parametrize("to", ["FARGATE", "FARGATE_SPOT"])
def test_a_provider_stays_until_its_service_has_left(on_spot: Controller, to: str) -> None:
    """ECS refuses to remove one that is in use, and to use one that is not there: the order is add, move, remove."""
    environment = on_spot.environment
    if to == "FARGATE_SPOT":  # from FARGATE alone to FARGATE_SPOT alone
        moves(environment, "[FARGATE]", "FARGATE")
        on_spot.read()
        on_spot.converge(pause=SETTLE_SECONDS)
    moves(environment, f"[{to}]", to)
    on_spot.read()
    with environment.writes() as writes:
        on_spot.run_pass()
        reasons = [str(one.message) for one in on_spot.statuses() if "stays in the cluster" in str(one.message)]
        on_spot.converge(pause=SETTLE_SECONDS)
    assert providers(environment) == [to]
    assert environment.service()["capacityProviderStrategy"][0]["capacityProvider"] == to
    puts = [one for one in operations(writes) if one.startswith(("ecs.Put", "ecs.Update"))]
    before = ["ecs.PutClusterCapacityProviders"] if to == "FARGATE_SPOT" else []
    assert puts == [*before, "ecs.UpdateService", "ecs.PutClusterCapacityProviders"]
    if to == "FARGATE":
        assert reasons == ["FARGATE_SPOT stays in the cluster while Service/web uses it"]
    assert refusals(environment) == []


def test_a_provider_that_another_client_uses_stops_no_service(on_spot: Controller) -> None:
    """The removal is refused and tried again; a new image goes out all the same."""
    environment = on_spot.environment
    ecs, service = environment.aws("ecs"), environment.service()
    ecs.create_service(
        cluster="quickstart", serviceName="theirs", taskDefinition="quickstart-web", desiredCount=0,
        capacityProviderStrategy=[{"capacityProvider": "FARGATE_SPOT", "weight": 1}],
        networkConfiguration=service["networkConfiguration"],
    )  # fmt: skip
    moves(environment, "[FARGATE]", "FARGATE")
    environment.edit("nginx:1.27", "nginx:1.28", "application.yaml")
    on_spot.read()
    on_spot.run_passes(12, every=SETTLE_SECONDS)
    live = environment.service()
    assert live["capacityProviderStrategy"][0]["capacityProvider"] == "FARGATE"
    assert live["taskDefinition"].endswith("quickstart-web:2")
    assert providers(environment) == ["FARGATE", "FARGATE_SPOT"]
    assert "in use and cannot be removed" in on_spot.status("Cluster/main").health.why
    ecs.delete_service(cluster="quickstart", service="theirs", force=True)
    environment.simulator.advance(3600)
    on_spot.converge(pause=SETTLE_SECONDS)
    assert providers(environment) == ["FARGATE"]

"""Changes of the tutorial's stack: EC2 instances, a capacity provider, autoscaling."""

from __future__ import annotations

from tests.chaos.scenarios.manifests import edits
from tests.chaos.scenarios.scenario import Act, Scenario, may_prune
from tests.chaos.stage import Stage

CLUSTER, SERVICE = "cluster.yaml", "service.yaml"


def changed(name: str, act: Act, prepare: Act = lambda _: None) -> Scenario:
    """Return a scenario of the converged stack."""
    return Scenario(name, act, example="tilog", prepare=prepare)


def remove_scaling(stage: Stage) -> None:
    """Remove the documents of autoscaling."""
    stage.cut("---\napiVersion: ecsync/v1\nkind: ScalableTarget", "")


SCENARIOS = (
    Scenario("first converge of the tutorial's stack", example="tilog", empty=True),
    changed("image of the stack", edits(("application.yaml", "nginx:1.27", "nginx:1.28"))),
    changed("capacity provider and its group", edits((CLUSTER, "targetCapacity: 100", "targetCapacity: 90"),
            (CLUSTER, "MaxSize: 3", "MaxSize: 5"))),
    changed("scaling policy and target", edits((SERVICE, "TargetValue: 60", "TargetValue: 50"),
            (SERVICE, "MaxCapacity: 4", "MaxCapacity: 6"))),
    changed("size of the group", edits((CLUSTER, "MinSize: 1", "MinSize: 2"))),
    changed("placement", edits((SERVICE, "      field: instanceId\n", "      field: host\n"))),
    changed("weight of the capacity provider", edits((CLUSTER, "      weight: 1", "      weight: 2"))),
    changed("policies of the instance role", edits((CLUSTER, "CloudWatchLogsFullAccess", "CloudWatchFullAccess"))),
    changed("remove the scaling of the stack", remove_scaling, may_prune),
)  # fmt: skip

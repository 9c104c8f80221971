"""The state of Elastic Load Balancing in one Region. Bodies are in the format of the Describe operations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ecsim.account.errors import AwsError
from ecsim.account.world import Body

LISTENER_NOT_FOUND = "One or more listeners not found"
NOT_FOUND = {
    "load_balancers": ("LoadBalancerNotFound", "One or more load balancers not found"),
    "listeners": ("ListenerNotFound", LISTENER_NOT_FOUND),
    "rules": ("RuleNotFound", "One or more rules not found"),
    "target_groups": ("TargetGroupNotFound", "One or more target groups not found"),
}


@dataclass
class TargetState:
    """One registered target."""

    id: str
    port: int
    zone: str | None = None
    state: str = "initial"  # initial, healthy, unhealthy, unused, draining
    failing: bool = False
    step: int = 0
    on_change: Callable[[], None] = lambda: None


@dataclass
class ElbRegion:
    """Elastic Load Balancing in one Region of one account."""

    region: str
    account: str
    load_balancers: dict[str, Body] = field(default_factory=dict)
    listeners: dict[str, Body] = field(default_factory=dict)
    rules: dict[str, Body] = field(default_factory=dict)
    target_groups: dict[str, Body] = field(default_factory=dict)
    targets: dict[str, dict[tuple[str, int], TargetState]] = field(default_factory=dict)
    attributes: dict[str, dict[str, str]] = field(default_factory=dict)
    certificates: dict[str, list[str]] = field(default_factory=dict)  # listener → additional certificates
    provisioning: set[str] = field(default_factory=set)  # load balancers
    tags: dict[str, dict[str, str]] = field(default_factory=dict)

    def arn(self, path: str) -> str:
        """Return the ARN of a resource in this Region."""
        return f"arn:aws:elasticloadbalancing:{self.region}:{self.account}:{path}"

    def get(self, collection: str, arn: str) -> Body:
        """Return a body of `load_balancers`, `listeners`, `rules` or `target_groups`. Raises the error of its kind."""
        found: Body | None = getattr(self, collection).get(arn)
        if found is None:
            raise AwsError(*NOT_FOUND[collection])
        return found

    def rules_of(self, listener_arn: str) -> list[Body]:
        """Return the rules of a listener in order of priority; the default rule is the last."""
        found = [rule for arn, rule in self.rules.items() if listener_of(arn) == listener_arn]
        return sorted(found, key=lambda rule: (rule["IsDefault"], 0 if rule["IsDefault"] else int(rule["Priority"])))

    def forwards(self) -> Iterator[tuple[str, str]]:
        """Yield each pair of target group ARN and load balancer ARN that a rule connects."""
        for arn, rule in self.rules.items():
            balancer = self.listeners[listener_of(arn)]["LoadBalancerArn"]
            for action in rule["Actions"]:
                for group in action.get("ForwardConfig", {}).get("TargetGroups", []):
                    yield group["TargetGroupArn"], balancer

    def balancers_of(self, group_arn: str) -> list[str]:
        """Return the ARNs of the load balancers that forward to a target group."""
        return sorted({balancer for group, balancer in self.forwards() if group == group_arn})

    def drop_listener(self, arn: str) -> None:
        """Delete a listener with its rules."""
        for rule in self.rules_of(arn):
            del self.rules[rule["RuleArn"]]
            self.forget(rule["RuleArn"])
        del self.listeners[arn]
        self.forget(arn)

    def forget(self, arn: str) -> None:
        """Drop attributes, certificates, state and tags of a deleted resource."""
        for collection in (self.attributes, self.certificates, self.tags):
            collection.pop(arn, None)
        self.provisioning.discard(arn)


def listener_of(rule_arn: str) -> str:
    """Return the ARN of a rule's listener."""
    return rule_arn.replace(":listener-rule/", ":listener/", 1).rsplit("/", 1)[0]

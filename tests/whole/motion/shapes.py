"""Applications with services behind load balancers, in every shape in which traffic reaches a target group."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

APPLICATION = """\
apiVersion: ecsync/v1
kind: Application
metadata: {name: motion}
spec: {manage: [all], sync: {mode: enforce}, target: {region: eu-west-1}}
---
apiVersion: ecsync/v1
resources:
  Network/main: {default: true}
  Cluster/main: {clusterName: motion}
  LoadBalancer/lb: {Name: motion, Type: application, Subnets: "${Network/main.publicSubnetIds}"}
"""


@dataclass(frozen=True)
class Stack:
    """One application. `port` is that of the target group `web`, which a change of it replaces."""

    shape: str
    interval: int = 5  # seconds between two health checks; a target needs five
    delay: int = 0  # deregistration delay in seconds
    port: int = 80
    container_port: int = 80
    replace: str = ""  # `ecsync/replace` of the target group
    protocol: str = ""  # of the target group `web`; empty: that of the shape

    def write(self, folder: Path) -> None:
        """Write the manifest into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        annotated = f"---\n{self._annotated()}" if self.replace else ""
        shape = {**SHAPES, **NETWORK_SHAPES}[self.shape]
        kind = "network" if self.shape in NETWORK_SHAPES else "application"
        application = APPLICATION.replace("Type: application", f"Type: {kind}")
        (folder / "app.yaml").write_text(application + shape(self) + annotated)

    def group(self, name: str = "web", port: int = 0) -> str:
        """Return a target group; `web` has the stack's port, and an annotation makes it a document of its own."""
        if self.replace and name == "web":
            return ""
        return f"  TargetGroup/{name}: {self._group(name, port or self.port)}\n"

    def _annotated(self) -> str:
        metadata = f"{{name: web, annotations: {{ecsync/replace: {self.replace}}}}}"
        spec = self._group("web", self.port)
        return f"apiVersion: ecsync/v1\nkind: TargetGroup\nmetadata: {metadata}\nspec: {spec}\n"

    def _group(self, name: str, port: int) -> str:
        return (
            f"{{Name: motion-{name}, Protocol: {self._protocol(name)}, Port: {port}, "
            f'TargetType: ip, VpcId: "${{Network/main}}", '
            f"HealthCheckIntervalSeconds: {self.interval}, HealthCheckTimeoutSeconds: 2, HealthyThresholdCount: 5, "
            f"Attributes: {{deregistration_delay.timeout_seconds: {self.delay}}}}}"
        )

    def _protocol(self, name: str) -> str:
        own = self.protocol if name == "web" else ""
        return own or ("TCP" if self.shape in NETWORK_SHAPES else "HTTP")

    def service(self, *groups: str, name: str = "web") -> str:
        """Return a service of two tasks that registers with the groups, and its task definition."""
        port = self.container_port
        behind = "".join(
            f'{{targetGroupArn: "${{TargetGroup/{group}}}", containerName: web, containerPort: {port}}}, '
            for group in groups
        )
        return f"""\
  TaskDefinition/{name}:
    requiresCompatibilities: [FARGATE]
    networkMode: awsvpc
    cpu: 256
    memory: 512
    containerDefinitions: [{{name: web, image: "nginx:1", portMappings: [{{containerPort: {port}}}]}}]
  Service/{name}:
    cluster: ${{Cluster/main}}
    taskDefinition: ${{TaskDefinition/{name}}}
    launchType: FARGATE
    desiredCount: 2
    networkConfiguration: {{awsvpcConfiguration: {{subnets: "${{Network/main.publicSubnetIds}}"}}}}
    loadBalancers: [{behind}]
"""


def listener(name: str, port: int, action: str, protocol: str = "HTTP") -> str:
    """Return a listener with one default action."""
    certificate = f"    Certificates: [{{CertificateArn: {CERTIFICATE}}}]\n" if protocol == "TLS" else ""
    return f"""\
  Listener/{name}:
    LoadBalancerArn: ${{LoadBalancer/lb}}
    Protocol: {protocol}
    Port: {port}
    DefaultActions: [{action}]
{certificate}"""


def rule(name: str, priority: int, action: str) -> str:
    """Return a rule of the listener `http` with one action."""
    return f"""\
  ListenerRule/{name}:
    ListenerArn: ${{Listener/http}}
    Priority: {priority}
    Conditions: [{{Field: path-pattern, Values: ["/{name}/*"]}}]
    Actions: [{action}]
"""


def forward(*groups: str) -> str:
    """Return a forward to one group, or to several: `name weight`."""
    if len(groups) == 1:
        return f'{{Type: forward, TargetGroupArn: "${{TargetGroup/{groups[0]}}}"}}'
    pairs = (group.split() for group in groups)
    shares = ", ".join(f'{{TargetGroupArn: "${{TargetGroup/{name}}}", Weight: {weight}}}' for name, weight in pairs)
    return f"{{Type: forward, ForwardConfig: {{TargetGroups: [{shares}]}}}}"


CERTIFICATE = "arn:aws:acm:eu-west-1:123456789012:certificate/00000000-0000-0000-0000-000000000000"
NOTHING = '{Type: fixed-response, FixedResponseConfig: {StatusCode: "404"}}'


def _default(stack: Stack) -> str:
    return stack.group() + listener("http", 80, forward("web")) + stack.service("web")


def _rule(stack: Stack) -> str:
    return stack.group() + listener("http", 80, NOTHING) + rule("a", 1, forward("web")) + stack.service("web")


def _two_rules(stack: Stack) -> str:
    routes = listener("http", 80, forward("web")) + rule("a", 1, forward("web")) + rule("b", 2, forward("web"))
    return stack.group() + routes + stack.service("web")


def _two_groups(stack: Stack) -> str:
    routes = listener("http", 80, forward("web")) + listener("admin", 81, forward("admin"))
    return stack.group() + stack.group("admin", stack.port) + routes + stack.service("web", "admin")


def _one_of_two_groups(stack: Stack) -> str:
    routes = listener("http", 80, forward("web")) + listener("admin", 81, forward("admin"))
    return stack.group() + stack.group("admin", 80) + routes + stack.service("web", "admin")


def _two_services(stack: Stack) -> str:
    services = stack.service("web") + stack.service("web", name="second")
    return stack.group() + listener("http", 80, forward("web")) + services


def _weighted(stack: Stack) -> str:
    services = stack.service("web") + stack.service("next", name="next")
    routes = listener("http", 80, NOTHING) + rule("a", 1, forward("web 90", "next 10"))
    return stack.group() + stack.group("next", 80) + routes + services


SHAPES = {
    "listener": _default,
    "rule": _rule,
    "a listener and two rules": _two_rules,
    "two groups": _two_groups,
    "one of two groups": _one_of_two_groups,
    "two services": _two_services,
    "weighted": _weighted,
}


def _tcp(stack: Stack) -> str:
    routes = listener("tcp", 80, forward("web"), "TCP") + listener("tls", 443, forward("web"), "TLS")
    return stack.group() + routes + stack.service("web")


def _weighted_tls(stack: Stack) -> str:
    services = stack.service("web") + stack.service("next", name="next")
    routes = listener("tls", 443, forward("web 90", "next 10"), "TLS")
    return stack.group() + stack.group("next", 80) + routes + services


NETWORK_SHAPES = {"TCP and TLS": _tcp, "TLS, weighted": _weighted_tls}  # behind a Network Load Balancer

"""The manifests of the scenario: a service, target groups, and two applications that do not write."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

QUICKSTART = Path(__file__).parent.parent.parent / "manifests" / "quickstart"
APPLICATIONS = ("quickstart", "groups", "idle", "other")
GROUPS = tuple(f"group-{number}" for number in range(1, 8))
FOREIGN = "group-foreign"  # exists in AWS without our mark

_APPLICATION = """\
apiVersion: ecsync/v1
kind: Application
metadata: {{name: {name}, annotations: {{{annotations}}}}}
spec:
  target: {{region: eu-west-1{account}}}
  sync: {{mode: enforce, interval: 5s{sync}}}
"""


def web(image: str = "public.ecr.aws/nginx/nginx:1.27") -> dict[str, str]:
    """Return the files of the quickstart with an image, and a short interval."""
    files = {f"web/{path.name}": path.read_text(encoding="utf-8") for path in QUICKSTART.glob("*.yaml")}
    application = files["web/application.yaml"].replace("interval: 30s", "interval: 5s")
    files["web/application.yaml"] = application.replace("public.ecr.aws/nginx/nginx:1.27", image)
    return files


def groups(names: Iterable[str] = GROUPS, description: str = "first") -> dict[str, str]:
    """Return the files of an application with target groups, and a security group: another description replaces it."""
    application = _APPLICATION.format(name="groups", annotations="", account="", sync=", prune: true, pruneLimit: 5")
    body = f'GroupName: groups, Description: {description}, VpcId: "${{Network/main}}"'
    resources = f"  SecurityGroup/groups: {{{body}}}\n" + "".join(_group(name) for name in names)
    return {"groups/application.yaml": application, "groups/groups.yaml": _RESOURCES + resources}


def idle(annotations: str = 'ecsync/suspend: "load test"') -> dict[str, str]:
    """Return the files of an application that is suspended."""
    application = _APPLICATION.format(name="idle", annotations=annotations, account="", sync="")
    return {"idle/application.yaml": application, "idle/groups.yaml": _RESOURCES + _group("idle")}


def other(mode: str = "enforce") -> dict[str, str]:
    """Return the files of an application with a target that does not allow writes."""
    application = _APPLICATION.format(name="other", annotations="", account=", account: other", sync="")
    application = application.replace("mode: enforce", f"mode: {mode}")
    return {"other/application.yaml": application, "other/groups.yaml": _RESOURCES + _group("other")}


_RESOURCES = """\
apiVersion: ecsync/v1
resources:
  Network/main: {default: true}
"""


def _group(name: str) -> str:
    body = f"Name: {name}, Protocol: HTTP, Port: 80, TargetType: ip, HealthCheckPath: /"
    return f'  TargetGroup/{name}: {{{body}, VpcId: "${{Network/main}}"}}\n'

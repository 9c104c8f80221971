"""Manifests for the tests of the editor, and marks for places in their text."""

from __future__ import annotations

from tests.editor.language_server import Place


def manifest(kind: str, *lines: str, annotations: str = "{}") -> str:
    metadata = f"metadata:\n  name: web\n  annotations: {annotations}\n"
    return f"apiVersion: ecsync/v1\nkind: {kind}\n{metadata}spec:\n" + "".join(f"  {line}\n" for line in lines)


SERVICE = ("cluster: prod", "taskDefinition: web:7")
CONTAINER = ("family: web", "containerDefinitions:", "  - name: web", "    image: nginx")
TARGETS = ("Name: web", "Port: 80")
LISTENER = ("LoadBalancerArn: ${LoadBalancer/web}", "DefaultActions: [{Type: forward}]")
SEVERAL = "---\n".join(
    (manifest("Service", *SERVICE), manifest("TaskDefinition", *CONTAINER), manifest("TargetGroup", *TARGETS))
)


def at(text: str, offset: int) -> Place:
    before = text[:offset]
    return Place(before.count("\n"), offset - (before.rfind("\n") + 1))


def pointed(text: str) -> tuple[str, Place]:
    """Return the text without its `¦`, and the place of it."""
    return text.replace("¦", "", 1), at(text, text.index("¦"))


def marked(text: str) -> tuple[str, Place, Place]:
    """Return the text without its `«` and `»`, and the places of them."""
    text, start = pointed(text.replace("«", "¦"))
    text, end = pointed(text.replace("»", "¦"))
    return text, start, end

"""docs/reference/application.md, annotations.md, references.md: what a manifest has beside the bodies of resources."""

from __future__ import annotations

from collections.abc import Iterator

from docs.generate.markdown import HEAD, cell, code, table
from ecsync.core.schema import Fixed, Shape
from ecsync.language.annotations import ANNOTATIONS, OF_APPLICATION
from ecsync.language.documents import DOCUMENT
from ecsync.language.references import FORMS
from ecsync.language.settings import SHAPE
from ecsync.offline import explain

_EXAMPLE = """```yaml
apiVersion: ecsync/v1
kind: Application
metadata: {name: shop}
spec:
  target: {account: prod, region: eu-west-1}
  names: shop-{name}
  vars: {env: prod}
  images: {api: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/api:3f9c1d2"}
  manage: [Service, TaskDefinition]
  after: [platform]
  sync: {mode: observe, prune: false, pruneLimit: 0, interval: 60s}
  ignore: [{kind: Service, name: api, paths: [/deploymentConfiguration/maximumPercent]}]
```"""


def application() -> str:
    """Return the page of the Application document, and of what is around every body."""
    return "\n".join(_application()) + "\n"


def options() -> str:
    """Return the page of the annotations: the options of a document."""
    return "\n".join(_annotations()) + "\n"


def references() -> str:
    """Return the page of the forms of references."""
    return "\n".join(_references()) + "\n"


def _references() -> Iterator[str]:
    yield HEAD.format(source="FORMS in controller/ecsync/language/references.py")
    yield "# References"
    yield ""
    yield (
        "They are in texts inside a `spec`. [Manifests](../manifests.md#references-and-values) has how values are "
        "filled in, and [each kind](kinds/index.md) its outputs. `ecsync explain references` prints the same."
    )
    yield ""
    yield from table(("form", "value"), ((code(form), cell(text)) for form, text in FORMS.items()))


def _application() -> Iterator[str]:
    yield HEAD.format(source="SHAPE in controller/ecsync/language/settings.py")
    yield "# Application"
    yield ""
    yield (
        "The settings of an application. [Manifests](../manifests.md#applications) has what an application is. "
        "`ecsync explain Application.FIELD` prints the same."
    )
    yield ""
    yield from _EXAMPLE.splitlines()
    yield ""
    yield "## Fields"
    yield ""
    yield from table(("field", "type", "default", "meaning"), _rows(SHAPE, ""))
    yield ""
    yield "## Around a body"
    yield ""
    yield f"{DOCUMENT.documentation} `ecsync explain document` prints the same."
    yield ""
    yield from table(("field", "type", "default", "meaning"), _rows(DOCUMENT, ""))


def _rows(shape: Shape, above: str) -> Iterator[tuple[str, str, str, str]]:
    for name, inner in shape.members.items():
        place = f"{above}{name}"
        default = inner.default if isinstance(inner, Fixed) else ""
        kind = explain.type_of(inner) + (" (required)" if name in shape.required else "")
        values = f": {', '.join(f'`{one}`' for one in inner.enum)}" if inner.enum else ""
        yield code(place), cell(kind) + values, cell(default), cell(inner.documentation)
        each = ""
        while inner.type == "list" and inner.element is not None:
            inner, each = inner.element, f"{each}[]"
        yield from _rows(inner, f"{place}{each}.")


def _annotations() -> Iterator[str]:
    yield HEAD.format(source="ANNOTATIONS in controller/ecsync/language/annotations.py")
    yield "# Annotations"
    yield ""
    yield (
        "They are options in `metadata.annotations` of a document; one with `resources:` gives them to all of its "
        "resources. A misspelt one is an error. `ecsync explain ecsync/adopt` prints the same."
    )
    yield ""
    every = [*ANNOTATIONS.items(), *OF_APPLICATION.items()]
    rows = (
        (
            code(name),
            ", ".join(f"`{one}`" for one in about.values) or "text",
            cell(about.default),
            about.on or "every kind",
            cell(about.text),
        )
        for name, about in every
    )
    yield from table(("annotation", "values", "default", "on", "meaning"), rows)

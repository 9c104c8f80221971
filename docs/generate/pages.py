"""All generated pages by their path."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from docs.generate import kinds, language, permissions, picture, settings, verbs

DOCS = Path(__file__).resolve().parents[1]


def generated() -> Mapping[Path, str]:
    """Return the text of each generated page by its path."""
    reference = DOCS / "reference"
    pages = {
        reference / "cli.md": verbs.page(DOCS / "cli.md"),
        reference / "settings.md": settings.page(),
        reference / "application.md": language.application(),
        reference / "annotations.md": language.options(),
        reference / "references.md": language.references(),
        reference / "iam.md": permissions.page(DOCS.parent / "manifests"),
        DOCS / "demo.svg": picture.svg(DOCS / "demo.txt"),
    }
    pages |= {reference / "kinds" / name: text for name, text in kinds.pages()}
    return pages

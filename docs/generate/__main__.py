"""`python -m docs.generate`: write every generated page; docs/reference is then to be committed."""

from __future__ import annotations

import sys

from docs.generate.pages import DOCS, generated


def main() -> int:
    """Write the pages that differ, remove those that are not generated any more, and print both."""
    pages = generated()
    for path, text in pages.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"written: docs/{path.relative_to(DOCS)}")
    for path in (DOCS / "reference" / "kinds").glob("*.md"):
        if path not in pages:
            path.unlink()
            print(f"removed: docs/{path.relative_to(DOCS)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The canonical forms that marks hash: they change only together with `marks.FORM`."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

from ecsync.core import marks
from ecsync.core.marks import declared_form
from ecsync.core.trees import canonical
from ecsync.kinds import BY_NAME

CASES = Path(__file__).parent.parent / "cases" / "equivalence"
RECORDED = Path(__file__).parent.parent / "cases" / "forms.json"


def forms() -> dict[str, str]:
    """Return a hash of the declared form of every case of our own, by its id."""
    found = {}
    for file in sorted(CASES.glob("*.json")):
        for case in json.loads(file.read_text()):
            rules = BY_NAME[case["kind"][:1].upper() + case["kind"][1:]].rules
            form = canonical(declared_form(case["desired"], rules))
            found[case["id"]] = sha256(form.encode()).hexdigest()[:8]
    return found


def test_a_new_form_has_a_new_number() -> None:
    """Hashes of another version are not compared: an upgrade writes nothing if the version is new."""
    recorded = json.loads(RECORDED.read_text())
    now = forms()
    changed = sorted(case for case, form in recorded["forms"].items() if now.get(case, form) != form)
    assert not changed or recorded["form"] != marks.FORM, (
        f"the canonical form of {changed} is another one: if a release has gone out since, add one to marks.FORM; "
        "then run `python tests/core/test_form.py`"
    )
    assert recorded["form"] == marks.FORM, "marks.FORM is new: run `python tests/core/test_form.py`"
    assert recorded["forms"].keys() == now.keys(), "cases came or went: run `python tests/core/test_form.py`"


if __name__ == "__main__":
    RECORDED.write_text(json.dumps({"form": marks.FORM, "forms": forms()}, indent=1) + "\n")

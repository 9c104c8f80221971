"""Our three tags: the owner, the resource they were written for, and what was applied."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest

from ecsync.core import marks, plan
from ecsync.core.inputs import Inputs
from ecsync.core.kind import Kind
from ecsync.core.marks import APPLIED, ID, OWNER
from ecsync.core.model import Application, Applied, Desired, Key, Mark, Marks, PhysicalId, Present, Ref, Target, Text
from ecsync.core.outcome import Plan
from ecsync.core.rules import Computed
from ecsync.kinds import BY_NAME
from ecsync.testing import memory_kind

KEY = Key(application="shop", kind="Service", name="api")


class TestOwner:
    """`ecsync:owner`."""

    def test_an_owner_mark_can_be_read_back(self) -> None:
        """Installation and key are the same."""
        assert marks.owner("prod", KEY) == "v1/prod/shop/Service/api"
        assert marks.key_of("v1/prod/shop/Service/api") == ("prod", KEY)

    @pytest.mark.parametrize(
        "text",
        ["", "v1", "v2/prod/shop/Service/api", "v1/prod/shop/Service", "v1/prod/shop/Service/api/x",
         "v1/prod//Service/api", "v1/prod/shop/Service/" + "a" * 64, "v1/prod/-shop/Service/api", "v1/p/s/Service/a b"],
    )  # fmt: skip
    def test_another_format_has_no_key(self, text: str) -> None:
        """The caller treats the resource as neither ours nor free."""
        assert marks.key_of(text) is None


class TestIdentity:
    """`ecsync:id`."""

    def test_it_depends_on_every_part_of_the_physical_id(self) -> None:
        """A copied mark does not match its new place."""
        here = {"account": "1", "region": "eu", "kind": "Service", "natural": "main/api"}
        places = [PhysicalId(**here)] + [PhysicalId(**{**here, part: "x"}) for part in here]
        found = {marks.identity(place) for place in places}
        assert len(found) == 5
        assert all(len(one) == 12 for one in found)


class TestRead:
    """Marks among the tags of a resource."""

    def test_without_an_owner_a_resource_has_no_marks(self) -> None:
        """`ecsync:id` or `ecsync:applied` alone are no marks."""
        assert marks.read({"team": "a", ID: "1", APPLIED: "1:"}) is None

    def test_an_unsupported_format_of_applied_is_none(self) -> None:
        """The owner is still valid."""
        assert marks.read({OWNER: "o", ID: "i", APPLIED: "2:zzz"}) == Marks(owner="o", id="i", applied=None)
        assert marks.read({OWNER: "o"}) == Marks(owner="o", id="", applied=None)

    @pytest.mark.parametrize(
        ("tags", "tool"),
        [
            ({}, ""),
            ({"team": "copilots"}, ""),
            ({"aws:cloudformation:stack-name": "x"}, "CloudFormation"),
            ({"copilot-application": "x"}, "AWS Copilot"),
            ({"Terraform": "true"}, "Terraform"),
            ({"pulumi:project": "x"}, "Pulumi"),
        ],
    )
    def test_another_tool_is_recognised(self, tags: dict[str, str], tool: str) -> None:
        """By the keys of its tags, in any case."""
        assert marks.other_tool(tags) == tool

    def test_user_tags_exclude_ours_and_those_of_aws(self) -> None:
        """The rest belongs to the user."""
        tags = {OWNER: "o", ID: "i", APPLIED: "a", "aws:x": "y", "AmazonECSManaged": "", "team": "a"}
        assert marks.user_tags(tags) == {"team": "a"}

    @pytest.mark.parametrize(
        "spelled", [{"a": "1"}, [{"key": "a", "value": "1"}], [{"Key": "a", "Value": "1"}]], ids=["map", "key", "Key"]
    )
    def test_tag_map_reads_every_spelling(self, spelled: Any) -> None:
        """ECS, Elastic Load Balancing and CloudWatch Logs have one each."""
        assert marks.tag_map(spelled) == {"a": "1"}


def body(count: int) -> dict[str, Any]:
    """Return a body of so many members."""
    return {f"member{number}": number for number in range(count)}


class TestApplied:
    """`ecsync:applied`."""

    @pytest.mark.parametrize("count", [0, 1, 37, 38, 46, 60])
    def test_it_fits_into_a_tag(self, count: int) -> None:
        """At most 256 characters, for sixty members too."""
        assert len(marks.pack(body(count), retain=True, adopted=True)) <= 256

    @pytest.mark.parametrize("count", [0, 1, 37, 38, 46])
    def test_it_contains_every_member(self, count: int) -> None:
        """The applied members equal the declared ones, one by one."""
        applied = marks.unpack(marks.pack(body(count)))
        assert applied is not None
        assert len(applied.members) == count
        assert all(marks.applied_equals(applied, name, value) for name, value in body(count).items())
        assert not any(marks.applied_equals(applied, name, value + 1) for name, value in body(count).items())

    def test_members_that_do_not_fit_are_left_out(self) -> None:
        """The members that are in it are right."""
        applied = marks.unpack(marks.pack(body(60)))
        assert applied is not None
        known = [name for name in body(60) if marks.path_hash(name) in applied.members]
        assert len(known) >= 40
        assert all(marks.applied_equals(applied, name, body(60)[name]) for name in known)

    @pytest.mark.parametrize("retain", [False, True])
    @pytest.mark.parametrize("adopted", [False, True])
    @pytest.mark.parametrize("count", [2, 50])
    def test_flags_can_be_read_back(self, retain: bool, adopted: bool, count: int) -> None:
        """`retain` is needed when the document is gone, `adopted` on every pass."""
        applied = marks.unpack(marks.pack(body(count), retain=retain, adopted=adopted))
        assert applied is not None
        assert (applied.retain, applied.adopted) == (retain, adopted)

    @pytest.mark.parametrize("text", ["", "1", "2:AAAA", "1x:AAAA", "1:AAA", "1:!!!!", "1:AAAA", "1:AAAAAAA"])
    def test_another_format_is_none(self, text: str) -> None:
        """Another version, damaged, or cut short."""
        assert marks.unpack(text) is None

    def test_the_same_body_gives_the_same_mark(self) -> None:
        """The order of its members has no effect."""
        assert marks.pack({"a": 1, "b": 2}) == marks.pack({"b": 2, "a": 1})

    def test_references_are_hashed_unresolved(self) -> None:
        """A new value of a reference keeps the mark; another reference changes it."""
        api, web = (Text((Ref(Key(application="s", kind="TaskDefinition", name=n), "arn"),)) for n in ("api", "web"))
        assert marks.pack({"taskDefinition": api}) == marks.pack({"taskDefinition": api})
        assert marks.pack({"taskDefinition": api}) != marks.pack({"taskDefinition": web})
        assert marks.pack({"taskDefinition": api}) != marks.pack({"taskDefinition": "arn:1"})

    @pytest.mark.parametrize(
        "spelled", [{"a": "1", "b": "2"}, [{"key": "b", "value": "2"}, {"key": "a", "value": "1"}]]
    )
    def test_each_tag_is_recorded(self, spelled: Any) -> None:
        """In every spelling of tags."""
        assert dict(marks.members({"x": 1, "tags": spelled})) == {"x": 1, "tags/a": "1", "tags/b": "2"}

    def test_the_member_of_tags_may_have_another_name(self) -> None:
        """Elastic Load Balancing has Tags."""
        assert dict(marks.members({"Tags": [{"Key": "a", "Value": "1"}]}, "Tags")) == {"tags/a": "1"}

    def test_none_means_not_declared(self) -> None:
        """Absent before and now is equal; absent on one side only is not."""
        applied = marks.unpack(marks.pack({"a": 1}))
        assert applied is not None
        assert marks.applied_equals(applied, "b", None)
        assert not marks.applied_equals(applied, "b", 1)
        assert not marks.applied_equals(applied, "a", None)

    def test_removed_keys_were_applied_and_are_not_declared(self) -> None:
        """Keys that we never applied, and declared ones, are not removed."""
        applied = marks.unpack(marks.pack({"tags": {"team": "a", "cost": "7"}}))
        assert applied is not None
        assert marks.removed_keys(applied, "tags", {"team"}, ["team", "cost", "other"]) == ("cost",)

    def test_an_empty_mark_removes_no_key(self) -> None:
        """Nothing was applied."""
        assert marks.removed_keys(Applied(members={}), "tags", (), ["team"]) == ()

    def test_a_key_of_another_client_is_not_removed(self) -> None:
        """The hash of a name has 23 bits."""
        applied = marks.unpack(marks.pack({"tags": {f"ours-{number}": "" for number in range(20)}}))
        assert applied is not None
        assert marks.removed_keys(applied, "tags", (), [f"theirs-{number}" for number in range(2000)]) == ()

    def test_keys_and_members_have_different_hashes(self) -> None:
        """A member `a` is never the key `a`, whatever its hash."""
        applied = marks.unpack(
            marks.pack({**body(10), "tags": {"a": "1"}, "Attributes": {"b": "2"}}, maps=["Attributes"])
        )
        assert applied is not None
        assert marks.keys_of(applied) == {marks.path_hash("tags/a"), marks.path_hash("Attributes/b")}

    def test_keys_come_first_where_not_all_members_fit(self) -> None:
        """They decide what we may remove; other members only lose their reason."""
        tags = {f"tag{number}": "" for number in range(40)}
        applied = marks.unpack(marks.pack({**body(40), "tags": tags}))
        assert applied is not None
        assert len(marks.keys_of(applied)) == 40

    def test_a_later_version_of_the_form_is_in_the_mark(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """After an upgrade, the version of the hashes is known."""
        monkeypatch.setattr(marks, "FORM", 12)
        packed = marks.pack({"a": 1}, retain=True)
        assert packed.startswith("1r12:")
        applied = marks.unpack(packed)
        assert applied is not None
        assert (applied.form, applied.retain) == (12, True)


# ---------------------------------------------------------------- looser forms

COMPUTED = tuple(Computed(path=f"net.c{number:02}") for number in range(20))
MANY, FEW = memory_kind("Many", rules=COMPUTED), memory_kind("Few", rules=COMPUTED[:4])
ALL_OF_MANY = {f"c{number:02}": number + 1 for number in range(20)}


def plan_after(kind: Kind, declared: dict[str, int], applied: dict[str, int]) -> Plan:
    """Return the plan of a document that is in sync, over a mark of another document."""
    document = Desired(key=Key(application="shop", kind=kind.name, name="m"), body={"name": "m", "net": declared})
    here = Inputs(
        application=Application(name="shop", resources=(document,)),
        kinds={kind.name: kind},
        world={},
        target=Target(account="1", region="eu"),
        installation="prod",
    )
    mark = Marks(
        owner=marks.owner("prod", document.key),
        id=marks.identity(here.physical(kind.name, "m")),
        applied=marks.unpack(marks.pack(marks.declared_form({"name": "m", "net": applied}, kind.rules))),
    )
    live = Present(body=document.body, outputs={"id": "m", "name": "m"}, marks=mark)
    return plan.build(replace(here, world={document.key: live}))


class TestLooserForms:
    """A document that declares more of what AWS computed is no reason to write."""

    @pytest.mark.parametrize("left", [selection for size in range(5) for selection in combinations(range(4), size)])
    def test_every_selection_of_a_few_computed_values_is_accepted(self, left: tuple[int, ...]) -> None:
        """Whichever values the earlier document left to AWS, the mark agrees."""
        declared = {f"c{number:02}": number + 1 for number in range(4)}
        applied = {name: value for name, value in declared.items() if value - 1 not in left}
        assert plan_after(FEW, declared, applied).steps == ()

    @pytest.mark.parametrize(
        "left",
        [set(), {"c07"}, ALL_OF_MANY.keys() - {"c07"}, set(ALL_OF_MANY)],
        ids=["none", "one", "all but one", "all"],
    )
    def test_the_usual_selections_of_many_computed_values_are_accepted(self, left: set[str]) -> None:
        """One value, all but one, and all: this is what pasting the output of describe adds."""
        applied = {name: value for name, value in ALL_OF_MANY.items() if name not in left}
        assert plan_after(MANY, ALL_OF_MANY, applied).steps == ()

    def test_twenty_computed_values_in_one_member_give_41_forms(self) -> None:
        """The number of forms grows with the number of values, and does not double with each."""
        forms = list(marks.looser_forms({"name": "m", "net": ALL_OF_MANY}, MANY.rules, "net"))
        assert len(forms) == 41

    def test_no_kind_has_too_many_computed_values_for_every_selection(self) -> None:
        """For the kinds of ecsync, the forms are complete."""
        counts = Counter(
            (kind.name, row.segments[0]) for kind in BY_NAME.values() for row in kind.rules if isinstance(row, Computed)
        )
        most = max(counts.values())
        members = {f"c{number:02}": number for number in range(most)}
        assert len(list(marks.looser_forms({"net": members}, COMPUTED[:most], "net"))) == 2**most - 1

    def test_another_selection_of_many_is_marked_once(self) -> None:
        """The new mark is of the document itself, so that the next pass writes nothing."""
        half = {name: value for name, value in ALL_OF_MANY.items() if value % 2}
        (step,) = plan_after(MANY, ALL_OF_MANY, half).steps
        assert isinstance(step.change, Mark)
        assert marks.unpack(step.change.marks[APPLIED]) == marks.unpack(
            marks.pack(marks.declared_form({"name": "m", "net": ALL_OF_MANY}, MANY.rules))
        )
        assert plan_after(MANY, ALL_OF_MANY, ALL_OF_MANY).steps == ()

    def test_another_value_is_not_a_looser_form(self) -> None:
        """A value that differs from the document is marked, whichever values are left out beside it."""
        for applied in ({**ALL_OF_MANY, "c07": 99}, {"c07": 99}):
            (step,) = plan_after(MANY, ALL_OF_MANY, applied).steps
            assert isinstance(step.change, Mark)

"""The inventory: who reads AWS, who shares an answer, and how old it may be."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from ecsync.core.kind import Collection, Kind
from ecsync.core.marks import OWNER, spelled
from ecsync.core.ports import AwsError, Deferred
from ecsync.engine.inventory import TAGS_LAG, Inventory
from ecsync.engine.trace import InventoryReader
from ecsync.engine.views import MOMENT, at_cadence, confirmed, fresh
from ecsync.testing import FakeClock, memory_kind

INTERVAL = 60.0
WIDGETS = Collection(
    operation="zoo.DescribeWidgets", ids="names", size=3, items="widgets", key="name", failures="failures"
)
CAGES = Collection(operation="zoo.DescribeCages", cadence="medium")
FOOD = Collection(operation="zoo.DescribeFood", cadence="slow", settled=lambda answer: bool(answer.get("eaten")))
TAGS = Collection(
    operation="zoo.DescribeTags",
    cadence="medium",
    ids="arns",
    size=3,
    items="tags",
    key="arn",
    tags_of="arns",
    as_tagged=lambda arn, tags: {"arn": arn, "pairs": spelled(tags, "Key/Value")},
)
OWN = {OWNER: "v1/prod/shop/Widget/web"}


def error(kind: Any = "denied", code: str = "No") -> AwsError:
    """Return an error of a class."""
    return AwsError(kind, code, "it failed", "zoo.Call")


@dataclass
class Zoo:
    """A Cloud with widgets that have a colour, and tags. It keeps the names or the ARNs of every call."""

    colours: dict[str, str] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    calls: list[tuple[str, Any]] = field(default_factory=list)
    failing: dict[str, AwsError] = field(default_factory=dict)
    breaks_after: int | None = None
    breaks_with: str = "transient"
    food: dict[str, Any] = field(default_factory=dict)
    account: str = "111111111111"
    has_read: bool = False  # whether `cached` has the response already

    def call(self, _service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        self.calls.append((operation, params.get("names") or params.get("arns") or params))
        if operation in self.failing:
            raise self.failing[operation].again()
        if operation == "DescribeWidgets":
            gone = [name for name in params["names"] if name not in self.colours]
            return {
                "widgets": [
                    {"name": name, "colour": self.colours[name]} for name in params["names"] if name not in gone
                ],
                "failures": [{"arn": f"arn:zoo/{name}", "reason": "MISSING"} for name in gone if name != "lost"],
            }
        if operation == "DescribeTags":
            if any(arn not in self.tags for arn in params["arns"]):
                raise error("missing")
            return {"tags": [{"arn": arn, "pairs": spelled(self.tags[arn], "Key/Value")} for arn in params["arns"]]}
        return dict(self.food)

    def call_unless(
        self, _known: bytes, service: str, operation: str, /, **params: Any
    ) -> tuple[bytes, Mapping[str, Any] | None]:
        return b"", self.call(service, operation, **params)

    def pages(self, _service: str, operation: str, _result: str, /, **params: Any) -> Iterator[Any]:
        if operation == "GetResources":
            self.calls.append((operation, params["ResourceTypeFilters"]))
            if operation in self.failing:
                raise self.failing[operation].again()
            listed = ((arn, tags) for arn, tags in self.tags.items() if OWNER in tags)
            yield from ({"ResourceARN": arn, "Tags": spelled(tags, "Key/Value")} for arn, tags in listed)
            return
        for number, name in enumerate(sorted(self.colours)):
            self.calls.append((operation, name))
            if self.breaks_after == number:
                raise error(self.breaks_with)
            yield name

    def cached(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        return self.call(service, operation, **params)

    def keeps(self, _service: str, _operation: str, /, **_: Any) -> bool:
        return self.has_read

    def write(self, _service: str, _operation: str, /, **_: Any) -> Mapping[str, Any]:
        raise AssertionError("an inventory does not write")

    def asked(self, operation: str = "DescribeWidgets") -> list[Any]:
        """Return what the calls of an operation asked for, and forget all calls."""
        found = [params for name, params in self.calls if name == operation]
        self.calls.clear()
        return found


KIND: Kind = memory_kind("Widget", collections=(WIDGETS, CAGES, FOOD, TAGS), tagged_as="zoo:widget")


@pytest.fixture
def zoo() -> Zoo:
    """Four widgets with tags, three of them ours."""
    names = ("a", "b", "c", "d")
    tags = {f"arn:{name}": {**OWN, "team": name} for name in names[:3]} | {"arn:d": {"team": "d"}}
    return Zoo(colours=dict.fromkeys(names, "red"), tags=tags)


@pytest.fixture
def clock() -> FakeClock:
    """The clock of the inventory."""
    return FakeClock()


@pytest.fixture
def inventory(zoo: Zoo, clock: FakeClock) -> Inventory:
    """An inventory that has read nothing yet."""
    return Inventory(zoo, clock.monotonic, {"Widget": KIND})


def looking(inventory: Inventory, interval: float = INTERVAL, written: int = 0) -> InventoryReader:
    """Return the reader of a pass."""
    return inventory.reader(at_cadence(interval, written=written))


def colours(reader: InventoryReader, *names: str) -> dict[str, str]:
    """Read widgets by name."""
    answer = reader.call("zoo", "DescribeWidgets", names=list(names))
    return {one["name"]: one["colour"] for one in answer["widgets"]}


class TestAge:
    """How old an answer may be."""

    def test_applications_share_an_answer_within_an_interval(self, zoo: Zoo, inventory: Inventory) -> None:
        """The second application makes no call."""
        assert colours(looking(inventory), "a") == colours(looking(inventory), "a") == {"a": "red"}
        assert len(zoo.asked()) == 1

    def test_each_pass_of_an_application_reads_again(self, zoo: Zoo, inventory: Inventory, clock: FakeClock) -> None:
        """Also where the pass comes a little early."""
        colours(looking(inventory), "a")
        zoo.colours["a"] = "blue"
        clock.advance(INTERVAL * 0.9)
        assert colours(looking(inventory), "a") == {"a": "blue"}

    def test_the_application_with_the_shorter_interval_reads(
        self, inventory: Inventory, zoo: Zoo, clock: FakeClock
    ) -> None:
        """An answer that is too old for one application is still good for the other."""
        colours(looking(inventory), "a")
        clock.advance(15)
        zoo.colours["a"] = "blue"
        assert colours(looking(inventory), "a") == {"a": "red"}
        assert colours(looking(inventory, interval=10.0), "a") == {"a": "blue"}

    def test_a_medium_answer_lasts_for_four_intervals(self, zoo: Zoo, inventory: Inventory, clock: FakeClock) -> None:
        """It is read in every fourth pass."""
        for _ in range(12):
            looking(inventory).call("zoo", "DescribeCages")
            clock.advance(INTERVAL)
        assert len(zoo.asked("DescribeCages")) == 3

    def test_slow_answers_are_read_evenly(self, zoo: Zoo, inventory: Inventory, clock: FakeClock) -> None:
        """A hundred of them are read once in thirty passes, and never half of them at once."""
        zoo.food = {"eaten": True}
        most = total = 0
        for number in range(31):
            reader = looking(inventory)
            for name in range(100):
                reader.call("zoo", "DescribeFood", of=str(name))
            count = len(zoo.asked("DescribeFood"))
            if number:
                most, total = max(most, count), total + count
            clock.advance(INTERVAL)
        assert total == 100
        assert most < 20

    def test_an_answer_that_is_not_settled_is_read_in_every_pass(
        self, zoo: Zoo, inventory: Inventory, clock: FakeClock
    ) -> None:
        """Such as the health of targets that are not all healthy."""
        zoo.food = {"eaten": False}
        for _ in range(4):
            looking(inventory).call("zoo", "DescribeFood", of="a")
            clock.advance(INTERVAL)
        assert len(zoo.asked("DescribeFood")) == 4

    def test_a_confirmation_takes_what_was_read_a_moment_ago(
        self, zoo: Zoo, inventory: Inventory, clock: FakeClock
    ) -> None:
        """What is older is read again."""
        colours(looking(inventory), "a")
        clock.advance(MOMENT - 1)
        colours(inventory.reader(confirmed()), "a")
        assert len(zoo.asked()) == 1
        clock.advance(2)
        colours(inventory.reader(confirmed()), "a")
        assert len(zoo.asked()) == 1

    def test_a_step_reads_what_was_read_before_it_again(self, zoo: Zoo, inventory: Inventory) -> None:
        """Also where no time has gone by."""
        colours(looking(inventory), "a")
        zoo.colours["a"] = "blue"
        assert colours(inventory.reader(fresh(inventory.mark())), "a") == {"a": "blue"}
        assert colours(looking(inventory), "a") == {"a": "blue"}, "the pass sees what the step read"

    def test_a_pass_after_a_write_reads_again(self, zoo: Zoo, inventory: Inventory) -> None:
        """An answer from before the write is not taken, whatever its age."""
        colours(looking(inventory), "a")
        zoo.colours["a"] = "blue"
        written = inventory.mark()
        assert colours(looking(inventory, written=written), "a") == {"a": "blue"}


class TestBatches:
    """Answers by identifier."""

    def test_a_batch_is_filled_with_what_others_ask_for(self, zoo: Zoo, inventory: Inventory, clock: FakeClock) -> None:
        """Four applications with one widget each take two calls a round."""
        for _ in range(2):
            for name in "abcd":
                assert colours(looking(inventory), name) == {name: "red"}
            clock.advance(INTERVAL)
        assert zoo.asked() == [["a"], ["b"], ["c"], ["d"], ["a", "b", "c"], ["d"]]

    def test_only_what_is_too_old_is_read(self, zoo: Zoo, inventory: Inventory) -> None:
        """The answer has all of them."""
        colours(looking(inventory), "a")
        assert colours(looking(inventory), "a", "b") == {"a": "red", "b": "red"}
        assert zoo.asked() == [["a"], ["b"]]

    def test_what_is_not_asked_for_any_more_is_not_read(self, zoo: Zoo, inventory: Inventory, clock: FakeClock) -> None:
        """It fills batches for ten minutes after it was last asked for."""
        colours(looking(inventory), "a", "b")
        for _ in range(int(600 / INTERVAL) + 1):
            clock.advance(INTERVAL)
            colours(looking(inventory), "a")
        assert zoo.asked()[-2:] == [["a", "b"], ["a"]]

    def test_a_batch_is_filled_where_a_check_takes_longer_than_its_interval(
        self, zoo: Zoo, inventory: Inventory, clock: FakeClock
    ) -> None:
        """An application that waits for a rate limit has asked for its widgets minutes ago."""
        for _ in range(2):
            for name in "abc":
                colours(looking(inventory), name)
            clock.advance(5 * INTERVAL)
        assert zoo.asked() == [["a"], ["b"], ["c"], ["a", "b", "c"]]

    def test_a_missing_one_is_a_failure_for_who_asks_for_it(self, inventory: Inventory) -> None:
        """The others do not see it."""
        first = looking(inventory).call("zoo", "DescribeWidgets", names=["a", "gone"])
        assert [one["arn"] for one in first["failures"]] == ["arn:zoo/gone"]
        assert looking(inventory).call("zoo", "DescribeWidgets", names=["a"])["failures"] == []

    def test_one_that_aws_leaves_out_is_asked_for_again(self, zoo: Zoo, inventory: Inventory) -> None:
        """It is neither an item nor a failure, so nothing is known about it."""
        for _ in range(2):
            answer = looking(inventory).call("zoo", "DescribeWidgets", names=["lost"])
            assert (answer["widgets"], answer["failures"]) == ([], [])
        assert zoo.asked() == [["lost"], ["lost"]]

    def test_a_fill_that_fails_does_not_harm_who_asks(self, zoo: Zoo, inventory: Inventory, clock: FakeClock) -> None:
        """The call is made again without it, and the fill is not tried any more."""
        zoo.failing["GetResources"] = error()
        for arn in ("arn:a", "arn:b"):
            looking(inventory).call("zoo", "DescribeTags", arns=[arn])
        del zoo.tags["arn:b"]
        zoo.calls.clear()
        for _ in range(2):
            clock.advance(INTERVAL * 4)
            answer = looking(inventory).call("zoo", "DescribeTags", arns=["arn:a"])
            assert [one["arn"] for one in answer["tags"]] == ["arn:a"]
        assert zoo.asked("DescribeTags") == [["arn:a", "arn:b"], ["arn:a"], ["arn:a"]]

    def test_a_step_asks_for_its_own_alone(self, zoo: Zoo, inventory: Inventory, clock: FakeClock) -> None:
        """A write does not wait for what others need."""
        colours(looking(inventory), "a", "b")
        clock.advance(INTERVAL)
        zoo.calls.clear()
        colours(inventory.reader(fresh(inventory.mark())), "a")
        assert zoo.asked() == [["a"]]


class TestFailures:
    """Reads that fail."""

    def test_a_failure_is_shared_within_an_interval(self, zoo: Zoo, inventory: Inventory, clock: FakeClock) -> None:
        """Many applications do not repeat a throttled call."""
        zoo.failing["DescribeCages"] = error("throttled")
        for _ in range(5):
            with pytest.raises(AwsError):
                looking(inventory).call("zoo", "DescribeCages")
        assert len(zoo.asked("DescribeCages")) == 1
        zoo.failing.clear()
        clock.advance(INTERVAL)
        looking(inventory).call("zoo", "DescribeCages")

    def test_a_throttled_operation_is_tried_once_in_a_moment(
        self, zoo: Zoo, inventory: Inventory, clock: FakeClock
    ) -> None:
        """Whatever is asked of it: more calls would cause more throttles."""
        zoo.failing["DescribeFood"] = zoo.failing["DescribeWidgets"] = error("throttled")
        for number in range(5):
            for reader in (looking(inventory), inventory.reader(confirmed())):
                with pytest.raises(AwsError):
                    reader.call("zoo", "DescribeFood", cage=number)
                with pytest.raises(AwsError):
                    colours(reader, f"w{number}")
        assert zoo.calls == [("DescribeFood", {"cage": 0}), ("DescribeWidgets", ["w0"])]
        zoo.failing.clear()
        clock.advance(MOMENT)
        looking(inventory).call("zoo", "DescribeFood", cage=1)
        assert colours(looking(inventory), "a") == {"a": "red"}

    def test_a_throttled_listing_is_tried_once_in_a_moment(self, zoo: Zoo, inventory: Inventory) -> None:
        """Also where its parameters differ."""
        zoo.breaks_after, zoo.breaks_with = 0, "throttled"
        for number in range(3):
            with pytest.raises(AwsError):
                list(looking(inventory).pages("zoo", "ListWidgets", "names", cage=number))
        assert zoo.asked("ListWidgets") == ["a"]

    def test_a_step_reads_a_throttled_operation(self, zoo: Zoo, inventory: Inventory) -> None:
        """What it writes depends on it."""
        zoo.failing["DescribeCages"] = error("throttled")
        with pytest.raises(AwsError):
            looking(inventory).call("zoo", "DescribeCages")
        zoo.failing.clear()
        inventory.reader(fresh(inventory.mark())).call("zoo", "DescribeCages")

    def test_a_throttled_listing_of_tags_makes_no_other_calls(self, zoo: Zoo, inventory: Inventory) -> None:
        """The tags are not known then."""
        zoo.failing["GetResources"] = error("throttled")
        for _ in range(3):
            with pytest.raises(AwsError):
                looking(inventory).call("zoo", "DescribeTags", arns=["arn:a"])
        assert zoo.calls == [("GetResources", ["zoo:widget"])]

    @pytest.mark.parametrize(
        "ask",
        [
            lambda reader: reader.call("zoo", "DescribeCages"),
            lambda reader: reader.call("zoo", "DescribeWidgets", names=["a"]),
            lambda reader: reader.call("zoo", "DescribeTags", arns=["arn:a"]),
            lambda reader: list(reader.pages("zoo", "ListWidgets", "names")),
        ],
        ids=["call", "batch", "tags", "listing"],
    )
    def test_a_failure_that_is_kept_keeps_nothing_of_the_passes_that_met_it(
        self, zoo: Zoo, inventory: Inventory, ask: Callable[[InventoryReader], object]
    ) -> None:
        """Neither of the one that read, nor of the one that shares it: their live resources would stay in memory."""
        for name in ("DescribeCages", "DescribeWidgets", "GetResources"):
            zoo.failing[name] = error("throttled")
        zoo.breaks_after, zoo.breaks_with = 0, "throttled"

        def world() -> weakref.ref[Zoo]:
            seen = Zoo()
            with pytest.raises(AwsError):
                ask(looking(inventory))
            return weakref.ref(seen)

        worlds = [world(), world()]
        gc.collect()
        assert [one() for one in worlds] == [None, None]

    def test_the_failure_of_a_batch_is_shared_too(self, zoo: Zoo, inventory: Inventory, clock: FakeClock) -> None:
        """By who asks for the same; what was not asked for is not failed."""
        colours(looking(inventory), "d")
        zoo.failing["DescribeWidgets"] = error("transient")
        for _ in range(5):
            with pytest.raises(AwsError):
                colours(looking(inventory), "a", "b")
        assert colours(looking(inventory), "d") == {"d": "red"}
        assert zoo.asked() == [["d"], ["a", "b"]]
        with pytest.raises(AwsError):
            colours(inventory.reader(confirmed()), "a")
        assert zoo.asked() == [["a"]], "a step reads for itself"
        zoo.failing.clear()
        clock.advance(INTERVAL)
        assert colours(looking(inventory), "a", "b") == {"a": "red", "b": "red"}

    def test_a_step_does_not_believe_a_failure(self, zoo: Zoo, inventory: Inventory) -> None:
        """It reads for itself."""
        zoo.failing["DescribeCages"] = error()
        with pytest.raises(AwsError):
            looking(inventory).call("zoo", "DescribeCages")
        zoo.failing.clear()
        inventory.reader(confirmed()).call("zoo", "DescribeCages")

    def test_lost_credentials_are_not_remembered(self, zoo: Zoo, inventory: Inventory) -> None:
        """The next read looks for them again."""
        zoo.failing["DescribeCages"] = error("credentials")
        with pytest.raises(AwsError):
            looking(inventory).call("zoo", "DescribeCages")
        zoo.failing.clear()
        looking(inventory).call("zoo", "DescribeCages")

    def test_a_listing_that_broke_off_is_never_complete(self, zoo: Zoo, inventory: Inventory) -> None:
        """Everybody who asks for it gets the error, until it is read again."""
        zoo.breaks_after = 2
        for _ in range(2):
            with pytest.raises(AwsError):
                list(looking(inventory).pages("zoo", "ListWidgets", "names"))
        zoo.breaks_after = None
        assert list(inventory.reader(confirmed()).pages("zoo", "ListWidgets", "names")) == ["a", "b", "c", "d"]

    def test_an_unexpected_exception_is_not_an_answer(self) -> None:
        """The next one reads again."""
        broken = Zoo()
        broken.pages = lambda *_, **__: (1 // 0 for _ in range(1))  # type: ignore[method-assign]
        listing = Inventory(broken, lambda: 0.0, {})
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                list(looking(listing).pages("zoo", "ListWidgets", "names"))


class TestDeferred:
    """Reads that the rate limit puts off: the pass comes again."""

    @pytest.mark.parametrize("pages_before", [0, 2])
    def test_a_listing_that_was_put_off_is_read_again_from_its_start(
        self, zoo: Zoo, inventory: Inventory, pages_before: int
    ) -> None:
        """Its first pages alone are never taken as all of it, at the same instant and by the same view."""
        whole = zoo.pages
        zoo.pages = lambda *_, **__: _put_off_after(pages_before)  # type: ignore[method-assign]
        for _ in range(2):
            with pytest.raises(Deferred):
                list(looking(inventory).pages("zoo", "ListWidgets", "names"))
        zoo.pages = whole  # type: ignore[method-assign]
        assert list(looking(inventory).pages("zoo", "ListWidgets", "names")) == ["a", "b", "c", "d"]

    def test_a_reader_that_is_under_way_does_not_end_early(self, zoo: Zoo, inventory: Inventory) -> None:
        """Two passes read one listing, and the one that reads on is put off: the other gets an error."""
        zoo.pages = lambda *_, **__: _put_off_after(1)  # type: ignore[method-assign]
        behind = iter(looking(inventory).pages("zoo", "ListWidgets", "names"))
        assert next(behind) == "w0"
        with pytest.raises(Deferred):
            list(looking(inventory).pages("zoo", "ListWidgets", "names"))
        with pytest.raises(AwsError, match="ListingBrokeOff"):
            list(behind)

    def test_a_batch_that_was_put_off_is_asked_for_again(self, zoo: Zoo, inventory: Inventory) -> None:
        """Nothing of it is kept as absent."""
        whole = zoo.call

        def put_off(*_: Any, **__: Any) -> Any:
            raise Deferred("bucket", 1.0, "zoo.DescribeWidgets")

        zoo.call = put_off  # type: ignore[method-assign]
        with pytest.raises(Deferred):
            colours(looking(inventory), "a", "b")
        zoo.call = whole  # type: ignore[method-assign]
        assert colours(looking(inventory), "a", "b") == {"a": "red", "b": "red"}


def _put_off_after(count: int) -> Iterator[str]:
    """Yield so many names, then put the reader off."""
    yield from (f"w{number}" for number in range(count))
    raise Deferred("bucket", 1.0, "zoo.ListWidgets")


class TestListings:
    """Listings page by page."""

    def test_a_page_is_read_when_it_is_needed(self, zoo: Zoo, inventory: Inventory) -> None:
        """Who stops at the first item reads no more, and who goes on does not read it again."""
        assert next(iter(looking(inventory).pages("zoo", "ListWidgets", "names"))) == "a"
        assert zoo.asked("ListWidgets") == ["a"]
        assert list(looking(inventory).pages("zoo", "ListWidgets", "names")) == ["a", "b", "c", "d"]
        assert zoo.asked("ListWidgets") == ["b", "c", "d"]

    def test_one_thread_reads_and_the_others_wait(self, zoo: Zoo, inventory: Inventory) -> None:
        """Eight threads that ask for one thing make one call."""
        together = threading.Barrier(8)

        def ask() -> None:
            together.wait()
            colours(looking(inventory), "a")
            list(looking(inventory).pages("zoo", "ListWidgets", "names"))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert len([one for one in zoo.calls if one[0] == "DescribeWidgets"]) == 1
        assert len(zoo.asked("ListWidgets")) == 4


class TestTags:
    """Tags: one listing of the tagging API, or their own call."""

    def tags(self, reader: InventoryReader, *arns: str) -> dict[str, dict[str, str]]:
        """Read the tags of ARNs."""
        answer = reader.call("zoo", "DescribeTags", arns=list(arns))
        return {one["arn"]: {pair["Key"]: pair["Value"] for pair in one["pairs"]} for one in answer["tags"]}

    def test_one_listing_has_the_tags_of_all_that_is_ours(self, zoo: Zoo, inventory: Inventory) -> None:
        """What has no mark of ours is read by its own call."""
        found = self.tags(looking(inventory), "arn:a", "arn:b", "arn:d")
        assert found == {arn: zoo.tags[arn] for arn in ("arn:a", "arn:b", "arn:d")}
        assert [(name, asked) for name, asked in zoo.calls] == [
            ("GetResources", ["zoo:widget"]),
            ("DescribeTags", ["arn:d"]),
        ]

    def test_a_direct_read_wins_until_the_listing_cannot_be_older(
        self, zoo: Zoo, inventory: Inventory, clock: FakeClock
    ) -> None:
        """The tagging API may return for a while what was true before our write."""
        self.tags(looking(inventory), "arn:a")
        before = {arn: dict(tags) for arn, tags in zoo.tags.items()}
        zoo.tags["arn:a"] = {**OWN, "team": "new"}
        assert self.tags(inventory.reader(fresh(inventory.mark())), "arn:a")["arn:a"]["team"] == "new"
        zoo.tags, current = before, zoo.tags  # what the listing still returns
        clock.advance(INTERVAL)
        assert self.tags(looking(inventory), "arn:a")["arn:a"]["team"] == "new"
        zoo.tags = current
        clock.advance(2 * TAGS_LAG)
        zoo.calls.clear()
        assert self.tags(looking(inventory), "arn:a")["arn:a"]["team"] == "new"
        assert [name for name, _ in zoo.calls] == ["GetResources"]

    def test_without_the_listing_tags_are_read_by_their_own_call(self, zoo: Zoo, inventory: Inventory) -> None:
        """The tagging API may be denied."""
        zoo.failing["GetResources"] = error()
        assert self.tags(looking(inventory), "arn:a") == {"arn:a": zoo.tags["arn:a"]}

    def test_a_step_does_not_use_the_listing(self, zoo: Zoo, inventory: Inventory) -> None:
        """It decides on the tags of their own call."""
        self.tags(inventory.reader(confirmed()), "arn:a")
        assert [name for name, _ in zoo.calls] == ["DescribeTags"]


class TestMemory:
    """What is kept."""

    def test_what_is_not_asked_for_is_forgotten(self, zoo: Zoo, inventory: Inventory, clock: FakeClock) -> None:
        """After hours with ever new names, only the items of the last hour and the answers of minutes are kept."""
        for number in range(300):
            zoo.colours[f"w{number}"] = "red"
            colours(looking(inventory), f"w{number}")
            looking(inventory).call("zoo", "DescribeCages", of=number)
            clock.advance(INTERVAL)
        assert inventory.size < 80

    def test_an_answer_is_kept_as_long_as_a_view_takes_it(
        self, zoo: Zoo, inventory: Inventory, clock: FakeClock
    ) -> None:
        """Through all sweeps of its period, also if a step read it in between."""
        for _ in range(20):
            looking(inventory, 10.0)
            looking(inventory, 900.0).call("zoo", "DescribeCages", of="lion")
            clock.advance(30.0)
        assert [name for name, _ in zoo.calls].count("DescribeCages") == 1
        inventory.reader(fresh(inventory.mark())).call("zoo", "DescribeCages", of="lion")
        clock.advance(700.0)
        looking(inventory)
        looking(inventory, 900.0).call("zoo", "DescribeCages", of="lion")
        assert [name for name, _ in zoo.calls].count("DescribeCages") == 2

    def test_reads_are_counted_by_operation_and_reason(self, inventory: Inventory) -> None:
        """A metric shows them."""
        colours(looking(inventory), "a")
        colours(inventory.reader(confirmed()), "b")
        colours(inventory.reader(fresh(inventory.mark())), "a")
        counted = {reason: count for (_, reason), count in inventory.reads.items()}
        assert counted == {"cadence": 1, "confirm": 1, "fresh": 1}


class TestContained:
    """An answer that AWS never changes contains another one, which AWS may change."""

    @pytest.fixture
    def inventory(self, zoo: Zoo, clock: FakeClock) -> Inventory:
        """An inventory in which a map contains the list of its keepers."""
        zoo.food = {"keepers": ["ann"]}

        def contains(found: Mapping[str, Any]) -> tuple[str, Mapping[str, Any], Mapping[str, Any]]:
            return "zoo.ListKeepers", {"of": "map"}, {"keepers": found["keepers"]}

        collections = (
            Collection(operation="zoo.DescribeMap", contains=contains),
            Collection(operation="zoo.ListKeepers", cadence="slow"),
        )
        return Inventory(zoo, clock.monotonic, {"Map": memory_kind("Map", collections=collections)})

    def keepers(self, reader: InventoryReader) -> Any:
        """Read the list."""
        return reader.call("zoo", "ListKeepers", of="map")["keepers"]

    def test_it_is_not_asked_for_when_the_first_was_read_now(self, inventory: Inventory, zoo: Zoo) -> None:
        """One call has both."""
        looking(inventory).cached("zoo", "DescribeMap")
        assert self.keepers(looking(inventory)) == ["ann"]
        assert [name for name, _ in zoo.calls] == ["DescribeMap"]

    def test_it_is_asked_for_when_the_first_was_read_before(self, inventory: Inventory, zoo: Zoo) -> None:
        """What is cached may be old."""
        zoo.has_read = True
        looking(inventory).cached("zoo", "DescribeMap")
        zoo.food = {"keepers": ["bob"]}
        assert self.keepers(looking(inventory)) == ["bob"]

    def test_a_step_reads_it_itself(self, inventory: Inventory, zoo: Zoo) -> None:
        """As every answer that a write depends on."""
        looking(inventory).cached("zoo", "DescribeMap")
        zoo.food = {"keepers": ["bob"]}
        assert self.keepers(inventory.reader(fresh(inventory.mark()))) == ["bob"]

    def test_it_is_read_again_when_it_is_too_old(self, inventory: Inventory, zoo: Zoo, clock: FakeClock) -> None:
        """Its age is that of the read that contained it."""
        looking(inventory).cached("zoo", "DescribeMap")
        zoo.food = {"keepers": ["bob"]}
        clock.advance(4000)
        assert self.keepers(looking(inventory)) == ["bob"]

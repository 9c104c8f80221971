"""The screens of `ecsync status`: whole screens as text, at several widths, and what `--watch` prints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from rich.cells import cell_len

from ecsync.cli._api import NoDaemon
from ecsync.cli.tables import ages, watch
from ecsync.cli.tables import events as event_tables
from ecsync.cli.tables.layout import Row, table, wrapped
from ecsync.cli.tables.selection import Selection
from ecsync.cli.tables.status import Screen
from ecsync.core.model import FieldChange, Key, Origin, Problem
from ecsync.core.outcome import (
    Changed,
    Event,
    Health,
    HealthStatus,
    LeftBehind,
    Outcome,
    Pass,
    Plan,
    ResourceStatus,
    Unmanaged,
)
from ecsync.http import bodies
from ecsync.http.view import SourceView
from tests.views import NOW, TARGET, state

SOURCE = SourceView(
    url="s3://bucket/prod", revision="3f9c1d2", about={"commit": "3f9c1d2", "subject": "Fix it", "author": "Ann"}
)
API = Key(application="shop", kind="Service", name="api")
KOREAN = "로그 그룹을 읽을 수 없습니다: 권한이 없습니다. logs:DescribeLogGroups 권한을 추가하세요"


def resource(name: str, health: HealthStatus = "Healthy", why: str = "", **more: Any) -> ResourceStatus:
    """Return a resource `Kind/name` of the application shop."""
    kind, _, its_name = name.partition("/")
    key = Key(application="shop", kind=kind, name=its_name)
    arn = f"arn:aws:ecs:eu-central-1:123456789012:{kind.lower()}/{its_name}"
    given = {"sync": "Synced", "physical": arn, "origin": "shop/all.yaml:9", **more}
    return ResourceStatus(key=key, health=Health(status=health, why=why), **given)


def shop() -> dict[str, Any]:
    """Return an application with each sort of row, as the API has it."""
    drift = FieldChange(path=("desiredCount",), before=0, after=2)
    statuses = (
        resource("Cluster/main"),
        resource(
            "Service/api",
            "Progressing",
            "1 of 2 tasks running: ECS deployment ecs-svc/5680268584103075220 in progress",
            sync="OutOfSync",
            fields=(drift,),
            origins={"/desiredCount": "shop/all.yaml:12"},
        ),
        resource("LogGroup/주문-서비스", "Unknown", KOREAN, sync="Unknown"),
    )
    plan = Plan(application="shop", target=TARGET, revision="3f9c1d2")
    ended = NOW - timedelta(seconds=12)
    found = state(
        outcome=Outcome(plan=plan, statuses=statuses),
        last_pass=Pass(
            reconcile_id="r", started=ended, ended=ended, result="changed", only_looked="read-only: a freeze"
        ),
        since=NOW - timedelta(minutes=3, seconds=10),
        resources_since={one.key: NOW - timedelta(hours=50 * number) for number, one in enumerate(statuses)},
        changes={API: Changed(time=NOW - timedelta(minutes=4), action="updated", revision="3f9c1d2")},
    )
    return bodies.application(found, SOURCE)


def blog() -> dict[str, Any]:
    """Return an invalid application, with resources left in another Region."""
    left = LeftBehind(target=TARGET, seen=NOW, resources={API: "arn:api"})
    problem = Problem(Origin("blog.yaml", 9, 5), 'unknown field "desiredcount"; did you mean "desiredCount"?')
    return bodies.application(state(name="blog", problems=(problem,), left_behind=(left,)), SourceView(url="x"))


def shown(found: Sequence[dict[str, Any]], width: int | None, **more: Any) -> list[str]:
    """Return the lines of the screen as text."""
    screen = Screen(applications=found, width=width, **more)
    return ["".join(text for text, _ in line) for line in screen.lines(NOW)]


def lines(text: str) -> list[str]:
    """Return the lines of an expected screen."""
    return text.strip("\n").split("\n")


def test_the_screen_on_80_columns() -> None:
    """Only the last column wraps; a Korean syllable takes two columns."""
    found = shown([shop(), blog()], 80, warnings=["✖ the source cannot be read: AccessDenied"])
    assert found == lines("""
✖ the source cannot be read: AccessDenied
APP   SYNC       HEALTH   REVISION  LAST PASS  AGE    MESSAGE
shop  OutOfSync  Unknown  3f9c1d2   12s        3m10s  read-only: a freeze
  3f9c1d2 Fix it (Ann)
blog  Unknown    Unknown  3f9c1d2   -          -
  ✖ blog.yaml:9:5: unknown field "desiredcount"; did you mean "desiredCount"?
  1 resource was left behind in 123456789012/eu-central-1, as seen at
    2026-01-01T12:00:00.000Z:
    Service/shop/api arn:api

APP   RESOURCE              SYNC       HEALTH       AGE   WAITS FOR, OR WHY
shop  Cluster/main          Synced     Healthy      0s
shop  Service/api           OutOfSync  Progressing  2d2h  1 of 2 tasks running:
                                                          ECS deployment
                                                          ecs-svc/56802685841030
                                                          75220 in progress
    desiredCount: 0 → 2 [drift] shop/all.yaml:12
shop  LogGroup/주문-서비스  Unknown    Unknown      4d4h  로그 그룹을 읽을 수
                                                          없습니다: 권한이
                                                          없습니다.
                                                          logs:DescribeLogGroups
                                                          권한을 추가하세요
""")
    assert max(map(cell_len, found)) <= 80


def test_what_the_autoscaler_decides_is_under_its_service() -> None:
    """With the declared value; the change that it bounds has a note."""
    left = Unmanaged(key=API, path=("desiredCount",), value=5, owner="the autoscaler (2 to 6)", declared=2)
    bounded = FieldChange(path=("MinCapacity",), before=1, after=2, note="clamped to MinCapacity")
    plan = Plan(application="shop", target=TARGET, revision="3f9c1d2", unmanaged=(left,))
    outcome = Outcome(plan=plan, statuses=(resource("Service/api", fields=(bounded,)), resource("Cluster/main")))
    found = shown([bodies.application(state(outcome=outcome), SOURCE)], None)
    at = next(number for number, line in enumerate(found) if "Service/api" in line)
    assert found[at + 1 : at + 3] == [
        "    MinCapacity: 1 → 2 [drift] (clamped to MinCapacity)",
        "    ≈ desiredCount: 5, left to the autoscaler (2 to 6); declared: 2",
    ]


def test_an_arn_in_a_message_is_shown_by_its_name() -> None:
    """The wide screen has it whole, and so has the JSON."""
    arn = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/shop/f2a74de452e6b438"
    plan = Plan(application="shop", target=TARGET, revision="3f9c1d2")
    outcome = Outcome(plan=plan, statuses=(resource("Service/api", message=f"no target in ({arn})."),))
    document = bodies.application(state(outcome=outcome), SOURCE)
    assert shown([document], None)[-1].endswith("no target in (shop).")
    assert any(arn in line for line in shown([document], None, wide=True))


def test_the_wide_screen_on_120_columns() -> None:
    """The columns that do not fit are lines under their row."""
    found = shown([shop()], 120, wide=True)
    assert found == lines("""
APP   SYNC       HEALTH   REVISION  LAST PASS  AGE    TARGET                            MESSAGE
shop  OutOfSync  Unknown  3f9c1d2   12s        3m10s  123456789012/eu-central-1 (prod)  read-only: a freeze
  3f9c1d2 Fix it (Ann)

RESOURCE              SYNC       HEALTH       AGE   WAITS FOR, OR WHY
Cluster/main          Synced     Healthy      0s
  in AWS: arn:aws:ecs:eu-central-1:123456789012:cluster/main
  manifest: shop/all.yaml:9
Service/api           OutOfSync  Progressing  2d2h  1 of 2 tasks running: ECS deployment ecs-svc/5680268584103075220 in
                                                    progress
  in AWS: arn:aws:ecs:eu-central-1:123456789012:service/api
  manifest: shop/all.yaml:9
  last change: updated 4m ago (3f9c1d2)
    desiredCount: 0 → 2 [drift] shop/all.yaml:12
LogGroup/주문-서비스  Unknown    Unknown      4d4h  로그 그룹을 읽을 수 없습니다: 권한이 없습니다.
                                                    logs:DescribeLogGroups 권한을 추가하세요
  in AWS: arn:aws:ecs:eu-central-1:123456789012:loggroup/주문-서비스
  manifest: shop/all.yaml:9
""")
    assert max(map(cell_len, found)) <= 120


def test_a_pipe_gets_whole_lines() -> None:
    """Each row is one line, also of the wide screen."""
    found = shown([shop()], None, wide=True)
    assert found[4:] == lines("""
RESOURCE              SYNC       HEALTH       AGE   IN AWS                                                      \
MANIFEST         LAST CHANGE               WAITS FOR, OR WHY
Cluster/main          Synced     Healthy      0s    arn:aws:ecs:eu-central-1:123456789012:cluster/main          \
shop/all.yaml:9  -
Service/api           OutOfSync  Progressing  2d2h  arn:aws:ecs:eu-central-1:123456789012:service/api           \
shop/all.yaml:9  updated 4m ago (3f9c1d2)  1 of 2 tasks running: ECS deployment ecs-svc/5680268584103075220 in progress
    desiredCount: 0 → 2 [drift] shop/all.yaml:12
LogGroup/주문-서비스  Unknown    Unknown      4d4h  arn:aws:ecs:eu-central-1:123456789012:loggroup/주문-서비스  \
shop/all.yaml:9  -                         """ + KOREAN + "\n")  # fmt: skip


@pytest.mark.parametrize("width", [20, 40, 60, 79, 80, 100, 120, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    """From 60 columns; below, the columns have their least widths."""
    for wide in (False, True):
        found = shown([shop(), blog()], width, wide=wide, warnings=["✖ " + "source " * 30])
        assert max(map(cell_len, found)) <= max(width, 60)


def test_a_limit_keeps_what_is_not_ready() -> None:
    """The last line has how many more there are, and how to see them."""
    found = shown([shop(), blog()], None, limit=2)
    assert [line.split()[1] for line in found if line.startswith("shop  ")][1:] == [
        "Service/api",
        "LogGroup/주문-서비스",
    ]
    assert found[-1] == "… 1 more resource (Synced and Healthy): --limit 0 shows all"
    found = shown([shop(), blog()], None, limit=1)
    assert "… 1 more application (1 of them not ready): --limit 0 shows all" in found
    assert found[-1] == "… 2 more resources (1 of them not ready): --limit 0 shows all"


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(), ["shop", "Cluster/main", "Service/api", "LogGroup/주문-서비스", "blog"]),
        (Selection(not_ready=True), ["shop", "Service/api", "LogGroup/주문-서비스", "blog"]),
        (Selection(kinds=frozenset({"service"})), ["shop", "Service/api"]),
        (Selection(syncs=frozenset({"Synced"})), ["shop", "Cluster/main"]),
        (Selection(healths=frozenset({"Unknown"})), ["shop", "LogGroup/주문-서비스", "blog"]),
        (Selection(kinds=frozenset({"cluster"}), not_ready=True), []),
    ],
)
def test_a_selection_keeps_what_fits(selection: Selection, expected: list[str]) -> None:
    """Resources, and the applications that fit or have such a resource."""
    found = selection.of([shop(), blog()])
    names = [[one["name"], *(f"{each['kind']}/{each['name']}" for each in one["resources"])] for one in found]
    assert [name for one in names for name in one] == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-5, "0s"), (0, "0s"), (119.9, "119s"), (120, "2m"), (190, "3m10s"), (600, "10m"), (3600 * 2, "120m"),
        (3600 * 3, "3h"), (3600 * 3 + 60, "3h1m"), (3600 * 8 + 60, "8h"), (3600 * 47, "47h"), (3600 * 50, "2d2h"),
        (86_400 * 4, "4d"), (86_400 * 8 + 3600, "8d"), (86_400 * 365 * 2, "2y"), (86_400 * 730 + 86_400, "2y1d"),
        (86_400 * 365 * 9, "9y"),
    ],
)  # fmt: skip
def test_an_age_is_written_as_kubectl_does(seconds: float, expected: str) -> None:
    """Two units where the first one is small."""
    assert ages.age(seconds) == expected


def test_a_value_cannot_control_the_terminal() -> None:
    """Control characters are shown, and count with the width that they are shown with."""
    row = Row(cells=(("a\x1b[31m", ""), ("two\nlines", "")))
    found = ["".join(text for text, _ in line) for line in table(("A", "B"), [row], 40)]
    assert found == ["A            B", "a\\u001b[31m  two lines"]


def test_a_word_that_is_longer_than_the_line_is_cut() -> None:
    """A wide character is never split."""
    assert list(wrapped("abc 한국어한국어 d", 5)) == ["abc", "한국", "어한", "국어", "d"]
    assert list(wrapped("", 5)) == [""]


# ---------------------------------------------------------------- --watch


class FakeClock:
    """A clock that a test moves; it ends the watch after so many waits, as Ctrl-C does."""

    def __init__(self, waits: int) -> None:
        self.time = NOW
        self.waits = waits

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
        self.waits -= 1
        if not self.waits:
            raise KeyboardInterrupt


def answers(*found: list[dict[str, Any]] | NoDaemon) -> Any:
    """Return a look that returns each answer in turn."""
    left: Iterator[list[dict[str, Any]] | NoDaemon] = iter(found)

    def look() -> watch.Found:
        one = next(left)
        if isinstance(one, NoDaemon):
            raise one
        return one, []

    return look


def healthy(health: HealthStatus, *more: str) -> list[dict[str, Any]]:
    """Return an application with a service of this health, and with healthy clusters."""
    statuses = (resource("Service/api", health), *(resource(f"Cluster/{name}") for name in more))
    plan = Plan(application="shop", target=TARGET, revision="3f9c1d2")
    return [bodies.application(state(outcome=Outcome(plan=plan, statuses=statuses)), SourceView(url="x"))]


def followed(capsys: pytest.CaptureFixture[str], wanted: Selection, *found: Any) -> tuple[list[str], str]:
    """Return the lines of `--watch` on a pipe, and what is on stderr."""
    with pytest.raises(KeyboardInterrupt):
        watch.follow(answers(*found), watch.Follower(wanted), every=5, clock=FakeClock(len(found)))
    out, err = capsys.readouterr()
    return out.splitlines(), err


def test_on_a_pipe_only_what_changed_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """With the time; what is gone is printed once, and a look without a change prints nothing."""
    found = [healthy("Healthy", "a"), healthy("Healthy", "a"), healthy("Degraded", "a"), healthy("Degraded")]
    assert followed(capsys, Selection(), *found)[0] == lines("""
TIME                  APP   RESOURCE     SYNC    HEALTH   WAITS FOR, OR WHY
2026-01-01T12:00:00Z  shop  -            Synced  Healthy  revision 3f9c1d2
2026-01-01T12:00:00Z  shop  Service/api  Synced  Healthy
2026-01-01T12:00:00Z  shop  Cluster/a    Synced  Healthy
2026-01-01T12:00:10Z  shop  -            Synced  Degraded  revision 3f9c1d2
2026-01-01T12:00:10Z  shop  Service/api  Synced  Degraded
2026-01-01T12:00:15Z  shop  Cluster/a    gone    gone
""")


def test_what_becomes_ready_is_printed_once_more(capsys: pytest.CaptureFixture[str]) -> None:
    """So that --not-ready shows how a wait ends."""
    found = [healthy("Progressing"), healthy("Healthy"), healthy("Healthy")]
    printed, _ = followed(capsys, Selection(not_ready=True), *found)
    assert [line.split()[2:5] for line in printed[1:]] == [
        ["-", "Synced", "Progressing"],
        ["Service/api", "Synced", "Progressing"],
        ["-", "Synced", "Healthy"],
        ["Service/api", "Synced", "Healthy"],
    ]


def test_a_daemon_that_does_not_answer_for_a_while_is_reported_once(capsys: pytest.CaptureFixture[str]) -> None:
    """On a pipe: the watch goes on, and prints what changed meanwhile."""
    gone = NoDaemon("no daemon at http://x")
    printed, err = followed(capsys, Selection(), healthy("Healthy"), gone, gone, healthy("Degraded"))
    assert err == "ecsync: no answer, looking again: no daemon at http://x\n"
    assert [line.split()[0] for line in printed[3:]] == ["2026-01-01T12:00:15Z"] * 2


def test_a_terminal_is_drawn_again(capsys: pytest.CaptureFixture[str]) -> None:
    """From its first line; no line is wider, and no more lines than it has."""
    gone = NoDaemon("no daemon")
    many = healthy("Healthy", *"abcdefgh")
    with pytest.raises(KeyboardInterrupt):
        watch.redraw(
            answers(healthy("Healthy"), many, gone),
            lambda found: Screen(applications=found[0], width=60),
            heading="every 5s",
            size=lambda: (60, 10),
            every=5,
            clock=FakeClock(3),
        )
    first, second, third = capsys.readouterr().out.removeprefix("\x1b[2J\x1b[H").split("\x1b[H")
    assert [line.removeprefix("\x1b[2K") for line in first.removesuffix("\x1b[J").splitlines()] == lines("""
every 5s 12:00:00Z

APP   SYNC    HEALTH   REVISION  LAST PASS  AGE  MESSAGE
shop  Synced  Healthy  3f9c1d2   -          -

RESOURCE     SYNC    HEALTH   AGE  WAITS FOR, OR WHY
Service/api  Synced  Healthy  -
""")
    assert second.count("\n") == third.count("\n") == 9
    assert "… 7 more lines: --not-ready shows fewer" in second
    assert "no answer since 12:00:10Z, the state is older: no daemon" in third


# ---------------------------------------------------------------- events


def event(seconds: float, message: str, **more: Any) -> dict[str, Any]:
    """Return an event of the API, so many seconds after NOW."""
    given = {"type": "drift.detected", "application": "shop", "target": TARGET, "revision": "3f9c1d2", **more}
    return bodies.event(Event(time=NOW + timedelta(seconds=seconds), message=message, **given))


def test_events_on_a_terminal_have_ages() -> None:
    """The message wraps; the columns of the wide table that do not fit are lines under the row."""
    found = [
        event(-7200, "Service/api was changed outside ecsync: desiredCount, healthCheckGracePeriodSeconds"),
        event(-30, "정책이 없습니다", type="source.failed", application="", target=None, revision=""),
    ]

    def printed(**more: Any) -> list[str]:
        made = event_tables.Table(aged=True, **more)
        return ["".join(text for text, _ in line) for line in made.lines(found, NOW)]

    assert printed(width=60) == lines("""
AGE   SEVERITY  TYPE            APP   MESSAGE
120m  info      drift.detected  shop  Service/api was
                                      changed outside
                                      ecsync: desiredCount,
                                      healthCheckGracePeriod
                                      Seconds
30s   info      source.failed   -     정책이 없습니다
""")
    assert "  target: prod/eu-central-1" in printed(width=60, wide=True)


def test_new_events_are_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Also two of the same time, of which the next look returns the first one again."""
    one, two, three, four = (event(after, str(after)) for after in (0, 1, 1.0004, 2))
    looks: list[str | None] = []
    left: Iterator[Any] = iter([[one, two], [two, three], NoDaemon("gone"), [two, three, four], [four]])

    def look(after: str | None) -> list[dict[str, Any]]:
        looks.append(after)
        found = next(left)
        if isinstance(found, NoDaemon):
            raise found
        return list(found)

    with pytest.raises(KeyboardInterrupt):
        event_tables.follow(look, event_tables.Table(), every=5, clock=FakeClock(5))
    out, err = capsys.readouterr()
    assert [line.split()[-1] for line in out.splitlines()] == ["MESSAGE", "0", "1", "1.0004", "2"]
    assert looks == [None, None, two["time"], two["time"], two["time"], four["time"]][1:]
    assert err == "ecsync: no answer, looking again: gone\n"

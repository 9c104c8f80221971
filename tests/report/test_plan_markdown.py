"""A comment on a pull request: no text of AWS or of a manifest leaves its place, and what matters is never cut away."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from ecsync.core import redact
from ecsync.core.model import Adopt, Create, Desired, FieldChange, Key, Origin, Present, Problem, Replace, Target
from ecsync.core.outcome import Plan, Step, Withheld
from ecsync.report import plan_markdown
from ecsync.report.plan_json import Planned, digest
from ecsync.report.plan_text import conclusion, lines
from tests.report.outcomes import API, TARGET, WEB, delete, step, update

HOSTILE = (
    "`", "```", "\n````\n", "~~~", "\n~~~\n", "|", "\\|", "\\", "<", ">", "</details>", "\n\n</details>\n\n",
    "<details>", "<summary>", "</summary>", "</code>", "<img src=x>", "<script>", "<!--", "-->",
    "<!-- ecsync plan x -->", "&lt;", "&#60;", "@octocat", "@org/team", "#123", "GH-12", "!45", "org/repo#7",
    "http://evil.example", "www.evil.example", "<http://evil.example>", "[a](http://b.example)",
    "![a](http://b.example/c.png)", "[r]: http://b.example", "[r]", "\n# heading\n", "\n- item", "\n1. item",
    "\n> quote", "\n---\n", "\n===\n", "\n/close\n", "/merge", "**", "__x__", "$`x`$", "\r", "\x00", "\x1b[31m",
    "\x85", "\u2028", "\u202e", "\u2066", "\u200b", "\ufeff", "\ud800", "\U000e0041", "\t", "    ", "w" * 300,
    "::error::", ":tada:", "(sensitive) #ab12", " ",
)  # fmt: skip
texts = st.lists(st.sampled_from(HOSTILE) | st.text(max_size=4), min_size=1, max_size=6).map("".join)
names = texts.map(lambda text: text.encode(errors="replace").decode())  # of applications and accounts
values = texts | st.integers() | st.none() | st.lists(texts, max_size=3) | st.dictionaries(texts, texts, max_size=3)
some = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))

BLOCKS = {"heading_open", "heading_close", "paragraph_open", "paragraph_close", "inline", "fence", "html_block"}
INLINE = {"text", "code_inline", "strong_open", "strong_close"}
OURS = re.compile(
    r"<!-- ecsync plan [A-Za-z0-9._/-]+ -->\n|</details>\n"
    r"|<details(?: open)?>\n<summary>(?:<code>[^<>\n]*</code>|[\w ,.:·])*</summary>\n"
)


@st.composite
def plans(draw: st.DrawFn) -> Planned:
    """Draw a plan in which every text is hostile."""
    application = draw(names)

    def key() -> Key:
        return Key(application=application, kind=draw(names), name=draw(names))

    def changed() -> FieldChange:
        return FieldChange(path=(draw(texts), 0), before=draw(values), after=draw(values), reason="drift")

    live = Present(body={}, outputs={"arn": draw(texts)})
    document = Desired(key=key(), body={})
    adopted = changed()
    steps = (
        step(key(), update(key(), changed(), changed())),
        step(key(), delete(key(), draw(texts)), "late"),
        step(key(), Create(desired=document, marks={})),
        step(key(), Replace(desired=document, observed=live, fields=(changed(),), marks={})),
        step(key(), Adopt(desired=document, observed=live, fields=(adopted,), resets=(adopted,), marks={})),
    )
    plan = Plan(
        application=application,
        target=Target(account=draw(names), region=draw(names)),
        revision=draw(texts),
        steps=(*steps[:-1], replace(steps[-1], waiting=draw(texts))),
        withheld=(Withheld(step=step(key(), delete(key())), reason=draw(texts)),),
        unreadable={key(): draw(texts)},
        stopped={key(): draw(texts)},
        incomplete=draw(texts),
    )
    place = draw(texts)
    return Planned(plan=plan, kinds={}, where=lambda _key, _path: place, notes={key(): draw(texts)})


problems = texts.flatmap(lambda file: texts.map(lambda message: Problem(Origin(file, 1, 2), message)))


def tokens(markdown: str) -> list[Token]:
    """Return what GitHub's dialect makes of the text: CommonMark with tables and strikethrough."""
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown)


def assert_harmless(markdown: str) -> None:
    """Assert that the text has no structure but ours: no foreign link, HTML, heading, list, table or mention."""
    assert len(markdown) <= plan_markdown.LIMIT
    assert all(char.isprintable() or char == "\n" for char in markdown)
    lines = markdown.split("\n")
    assert not [line for line in lines if line.startswith(("/", "::"))]  # GitLab's quick actions, GitHub's commands
    depth = 0
    found = tokens(markdown)
    assert {token.type for token in found} <= BLOCKS
    assert [token.type for token in found].count("heading_open") == 1
    for token in found:
        if token.type == "html_block":
            assert OURS.fullmatch(token.content), token.content
            depth += token.content.count("<details") - token.content.count("</details>")
            assert depth in {0, 1}
        elif token.type == "fence":
            assert token.map is not None
            assert lines[token.map[1] - 1] == token.markup  # it is closed
        elif token.type == "inline":
            assert_plain(token)
    assert depth == 0


def assert_plain(line: Token) -> None:
    """Assert that a line outside a block has only our words, the name and the digest."""
    for token in line.children or []:
        assert token.type in INLINE
        if token.type == "code_inline":
            assert plan_markdown.NAME.fullmatch(token.content) or token.content == "ecsync plan"
        else:
            assert not re.search(r"[@#<>\[\]/]|www|http", token.content)


@given(st.lists(plans(), max_size=2), st.lists(problems, max_size=3), st.dictionaries(texts, texts, max_size=2))
@some
def test_no_foreign_text_leaves_its_place(planned: list[Planned], found: list[Problem], failed: dict[str, str]) -> None:
    """A real parser sees only our structure, whatever names, values, errors and file names contain."""
    markdown = plan_markdown.render(planned, found, failed, name="prod/eu-1")
    assert_harmless(markdown)
    assert markdown.startswith("<!-- ecsync plan prod/eu-1 -->\n")
    assert markdown == plan_markdown.render(planned, found, failed, name="prod/eu-1")


@given(plans(), problems, st.integers(40, 150))
@settings(some, max_examples=8)
def test_a_cut_comment_is_harmless_too(one: Planned, problem: Problem, times: int) -> None:
    """Folds and fences are closed behind the cut, wherever it is."""
    assert_harmless(plan_markdown.render([one] * times, [problem] * times))


def application(name: str, *steps: Step, **fields: Any) -> Planned:
    """Return the plan of an application."""
    plan = Plan(application=name, target=TARGET, revision="1", steps=steps, **fields)
    return Planned(plan=plan, kinds={}, sync="OutOfSync", health="Healthy", where=lambda key, _: f"{key.name}.yaml:9")


def key(name: str, kind: str = "Service") -> Key:
    """Return a key of `shop`."""
    return Key(application="shop", kind=kind, name=name)


def test_summary_digest_deletions_and_replacements_are_never_cut_away() -> None:
    """Beside thousands of updates and problems; the cut is counted, with the command that prints all."""
    change = FieldChange(path=("description",), before="a" * 90, after="b" * 90)
    updates = [step(key(f"changed-{at}"), update(key(f"changed-{at}"), change)) for at in range(3000)]
    gone = [step(key(f"gone-{at}"), delete(key(f"gone-{at}")), "prune") for at in range(200)]
    held = [Withheld(step=step(key(f"held-{at}"), delete(key(f"held-{at}"))), reason="r" * 300) for at in range(100)]
    other = Desired(key=WEB, body={})
    replaced = step(WEB, Replace(desired=other, observed=Present(body={}, outputs={}), fields=(change,), marks={}))
    planned = [
        application("shop", *updates, *gone, replaced, withheld=tuple(held)),
        application("blog", *updates),
    ]
    wrong = [Problem(Origin(f"{at}.yaml"), "unknown member") for at in range(3000)]
    markdown = plan_markdown.render(planned, wrong)
    assert_harmless(markdown)
    assert f"{conclusion([one.plan for one in planned])} Digest: `{digest([one.plan for one in planned])}`" in markdown
    assert "\n-/+ shop: TargetGroup/web replace\n" in markdown
    for at in range(200):
        assert f"\n- shop: Service/gone-{at} delete" in markdown
    for at in range(100):
        assert f"\n- shop: Service/held-{at} delete (held)\n" in markdown
    left_out = re.search(r"^(\d+) lines are left out: .* `ecsync plan` prints all of them\.$", markdown, re.MULTILINE)
    assert left_out
    printed = len(re.findall(r"\d+\.yaml:1:1: unknown member", markdown))
    lines = 2 * 2 * 3000 + 200 + 2 + 100  # two for each update and for the replacement, one for each deletion
    assert int(left_out[1]) == 3000 - printed + lines
    assert len(markdown) > 0.95 * plan_markdown.LIMIT


def test_a_cut_inside_an_application_closes_its_fold() -> None:
    """What comes behind it is counted, and not begun."""
    change = FieldChange(path=("description",), before="a" * 90, after="b" * 90)
    updates = [step(key(f"changed-{at}"), update(key(f"changed-{at}"), change)) for at in range(3000)]
    markdown = plan_markdown.render([application("shop", *updates), application("blog", *updates)])
    assert_harmless(markdown)
    assert "<code>shop</code>" in markdown
    assert "<code>blog</code>" not in markdown
    assert re.search(r"\n… \d+ more lines are left out\n```\n\n</details>\n\n\d+ lines are left out: ", markdown)


class Counted(tuple[Step, ...]):  # noqa: SLOT001  # a tuple can have no slots
    """Steps that count how often they are gone through."""

    times = 0

    def __iter__(self) -> Iterator[Step]:
        self.times += 1
        return super().__iter__()


@pytest.mark.parametrize("render", [plan_markdown.render, lambda planned: "\n".join(map(str, lines(planned)))])
def test_the_steps_of_a_plan_are_gone_through_as_often_for_few_as_for_many(render: Callable[[Any], str]) -> None:
    """For each step of 3,000, all of them were gone through."""

    def times(number: int) -> int:
        one = application("shop")
        steps = Counted(step(key(f"changed-{at}"), delete(key(f"changed-{at}"))) for at in range(number))
        render([replace(one, plan=replace(one.plan, steps=steps))])
        return steps.times

    assert times(3) == times(300)


def test_long_and_unchanged_parts_are_folded() -> None:
    """A few lines are open, many are folded, and what is in sync is one line in a fold."""
    change = FieldChange(path=("cpu",), before=1, after=2)
    many = [step(key(f"s{at}"), update(key(f"s{at}"), change)) for at in range(50)]
    markdown = plan_markdown.render(
        [application("short", many[0]), application("long", *many), application("same"), application("equal")]
    )
    assert "<details open>\n<summary><code>short</code> in" in markdown
    assert "<details>\n<summary><code>long</code> in" in markdown
    assert "<details>\n<summary>In sync: 2</summary>\n\n```text\n= same (" in markdown


def test_what_could_not_be_planned_is_in_the_comment() -> None:
    """Invalid manifests, refused applications, and resources that cannot be read or are not retried."""
    markdown = plan_markdown.render(
        [application("shop", unreadable={API: "ecs.DescribeServices: AccessDenied"}, stopped={WEB: "rolled back"})],
        [Problem(Origin("a.yaml", 3, 7), "unknown member `x`")],
        {"blog": "wrong account"},
    )
    assert "**Incomplete: 4 problems, listed below.**" in markdown
    assert "✖ a.yaml:3:7: unknown member `x`\n✖ blog has no plan: wrong account\n" in markdown
    assert "✖ shop: Service/api is unknown: ecs.DescribeServices: AccessDenied\n" in markdown
    assert "✖ shop: TargetGroup/web will not be retried until its manifest changes: rolled back\n" in markdown
    assert "In sync" not in markdown


def test_without_a_plan_there_is_no_digest() -> None:
    """The digest of nothing would name something that can be applied."""
    markdown = plan_markdown.render([], [Problem(Origin("a.yaml"), "broken")])
    assert "Digest" not in markdown
    assert "**Incomplete: 1 problem, listed below.**" in markdown


def test_two_processes_print_the_same_comment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sensitive value has no fingerprint there: its key is that of one process."""

    def comment(secret_key: bytes) -> str:
        monkeypatch.setattr(redact, "_KEY", secret_key)
        rows = [{"name": f"N{at}", "value": redact.fingerprint(f"secret-{at}")} for at in range(9)]
        other = [*rows[:4], {"name": "N4", "value": redact.fingerprint("hunter2")}, *rows[5:]]
        change = FieldChange(path=("environment",), before=rows, after=other)
        short = FieldChange(path=("command",), before=redact.fingerprint("a"), after=redact.fingerprint("b"))
        # A long value is cut at any place of a fingerprint.
        cut = [
            FieldChange(path=("x",), before=None, after={"k" * at: redact.fingerprint("d")}) for at in range(70, 100)
        ]
        # A reason for people quotes values as they are printed.
        waits = replace(step(API, update(API, change, short, *cut)), waiting=f"not yet {redact.fingerprint('c')}")
        return plan_markdown.render([application("shop", waits)])

    first = comment(b"one")
    assert first == comment(b"two")
    assert "command: (sensitive) → (sensitive) [drift] api.yaml:9" in first
    assert "environment[4].value: (sensitive)" in first or '"(sensitive)"' in first
    assert "#" not in first.replace("### ", "", 1)


@pytest.mark.parametrize("name", ["", "a b", "-->", "a`b", "x" * 65, "@x"])
def test_a_name_that_could_leave_the_marker_is_refused(name: str) -> None:
    """It stands in a comment of HTML and in a heading."""
    with pytest.raises(ValueError, match="not a name"):
        plan_markdown.render([], name=name)

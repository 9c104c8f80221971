"""Random values: the same seed gives the same values. Some texts look like something else to YAML or a shell."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any, TypeVar

from botocore.exceptions import ClientError, ParamValidationError

from tests.importer.account import ACCOUNT, REGION, Body
from tests.importer.account_builder import AccountBuilder

T = TypeVar("T")

# Texts that YAML, a shell or ecsync's references could read as something else.
TEXTS = (
    "plain", "on", "off", "yes", "No", "null", "~", "true", "0755", "007", "22:22", "1e3", "0x1F", "0o17", "1_000",
    ".5", "1.10", "+1", "-0", "12345678901234567890", "2026-01-01", "<<", "=", "---", "...", "- a", "? a", "!x", "&x",
    "*x", "%x", "@x", "`x", "|", ">", "[a]", "{a: b}", '"x"', "'x'", "a\\b", "a: b", "a:", "a # b", "#x", "  lead",
    "trail  ", "\u00a0x", "a\tb", "\tx", "a\nb\n", "a\n b\n\n", "  x\ny ", "\n", "a\r\nb", "a\x85b", "a\u2028b",
    "\ufeffx", "h\u00e9llo \u2603 \U0001f389", "$", "$$", "$${", "${HOME}", "${x:-y}", "${Cluster/prod}",
    "$${Cluster/prod}", "$$${Service/a.arn}", "${var:x} ${env:HOME} ${ssm:/x} ${image:x}", "x" * 2000, "word " * 300,
    '{"a": {"b": "${X}"}}', "a\x1bb", "0", "443",
)  # fmt: skip
NAMES = ("A", "a", "no", "ON", "with.dots", "with space", "1", "null", "${Cluster/prod}", "a:b", "#x", "<<", "=")
TAG_KEYS = ("team", "Team", "a b", "a:b/c=+-@", "yes", "1", "null", "<<", "cost.center", "é")
IN_TAGS_OF_ECS = re.compile(r"[\w\s.:/=+@-]*")
ROLE = f"arn:aws:iam::{ACCOUNT}:role/"
CERTIFICATE = f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/"
NAMESPACE = f"arn:aws:servicediscovery:{REGION}:{ACCOUNT}:namespace/ns-abcdefgh12345678"
FARGATE_SIZES = (("256", "512"), ("256", "1024"), ("512", "2048"), ("1024", "4096"))


class RandomValues:
    """Random values, and the state of the account that they fill.

    `recreatable`: the account holds only what an import can create again, for example no older revision of a family.
    """

    def __init__(self, aws: AccountBuilder, seed: int, *, recreatable: bool = False) -> None:
        self.aws = aws
        self.recreatable = recreatable
        self.random = Random(seed)  # noqa: S311  # the same account for the same seed
        self.refusals: list[str] = []
        self.service_names: list[str] = []
        self.task_definitions: list[tuple[str, Body]] = []  # ARN, request
        self.target_groups: list[tuple[str, Body]] = []  # ARN, request
        self.last_priority = 0

    @contextmanager
    def ignore_refusals(self, what: str) -> Iterator[None]:
        """Skip the rest of the block where AWS refuses a request."""
        try:
            yield
        except (ClientError, ParamValidationError) as refusal:
            self.refusals.append(f"{what}: {refusal}")

    def maybe(self, likely: float = 0.5) -> bool:
        return self.random.random() < likely

    def pick(self, among: Sequence[T]) -> T:
        return self.random.choice(among)

    def sample(self, among: Sequence[T], most: int = 3) -> list[T]:
        return self.random.sample(list(among), self.random.randint(1, min(most, len(among))))

    def any_of(self, likely: float = 0.3, /, **members: Callable[[], Any]) -> Body:
        """Return a random part of the members."""
        return {name: make() for name, make in members.items() if self.maybe(likely)}

    def text(self) -> str:
        return self.pick(TEXTS)

    def number(self, low: int, high: int) -> int:
        return self.random.randint(low, high)

    def flag(self) -> bool:
        return self.maybe()

    def tags(self, name: str = "key", value: str = "value") -> list[Body]:
        keys: Sequence[str] = TAG_KEYS
        texts: Sequence[str] = ("", *TEXTS[:20], "${Cluster/prod}")
        if name == "key":  # ECS refuses the others: "Some tags contain invalid characters"
            keys = tuple(filter(IN_TAGS_OF_ECS.fullmatch, keys))
            texts = tuple(filter(IN_TAGS_OF_ECS.fullmatch, texts))
        return [{name: key, value: self.pick(texts)} for key in self.sample(keys)]

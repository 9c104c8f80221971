"""Projects: what no project of the operator allows is a problem with file, line, project and fix."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ecsync import wiring
from ecsync.accounts import ProjectSettings, TargetSettings
from ecsync.config import Settings
from ecsync.core.model import Application
from ecsync.core.ports import Snapshot
from ecsync.wiring import projects
from ecsync.wiring.registry import all_kinds

LIVE, OTHER = "222222222222", "333333333333"
TARGETS = {
    "live": TargetSettings(account=LIVE, region="eu-west-1"),
    "other": TargetSettings(account=OTHER, region="us-east-1"),
}
SHOP = """\
apiVersion: ecsync/v1
kind: Application
metadata: {name: shop-web}
spec:
  target: {account: live}
---
apiVersion: ecsync/v1
resources:
  LogGroup/web:
    logGroupName: shop-web
    retentionInDays: 7
  Cluster/shop-main: {}
  Network/vpc: {tags: {Name: main}}
"""


def found(project: dict[str, Any] | None, manifest: str = SHOP, /, **more: dict[str, Any]) -> list[str]:
    """Return the problems of a manifest, with a project `shop` and others."""
    chosen = {"shop": project, **more} if project is not None else more
    named = {name: ProjectSettings.model_validate(one) for name, one in chosen.items()}
    settings = Settings(region="eu-west-1", targets=TARGETS, projects=named)
    workspace = wiring.workspace(settings, ".", read_only=True)
    loaded = workspace.loaded(Snapshot(revision="1", files={"shop/app.yaml": manifest.encode()}))
    assert all(one.application for one in loaded.problems)
    return [str(one) for one in loaded.problems]


ALLOWED: list[dict[str, Any]] = [
    {},
    {"applications": ["shop-*"], "targets": ["live"], "kinds": ["LogGroup", "Cluster"], "names": ["shop-*"]},
    {"targets": [LIVE], "regions": ["eu-*"], "sources": ["*"]},
]


@pytest.mark.parametrize("project", ALLOWED, ids=["everything", "lists", "the id of the account"])
def test_what_a_project_allows_is_no_problem(project: dict[str, Any]) -> None:
    """A list that is not set allows everything; what is only looked up (Network) needs no permission."""
    assert found(project) == []


def test_without_any_project_everything_is_allowed() -> None:
    """As before there were projects."""
    assert found(None) == []


DENIED: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "target": ({"targets": ["other"]}, "2:1", "the target live (allowed: other)", "change `target.account`"),
    "Region": ({"regions": ["us-*"]}, "2:1", "the Region eu-west-1 (allowed: us-*)", "change `target.region`"),
    "kind": ({"kinds": ["LogGroup"]}, "12:3", "the kind Cluster (allowed: LogGroup)", "remove the document"),
    "name": ({"names": ["shop-main"]}, "10:5", "the name shop-web (allowed: shop-main)", "change `logGroupName`"),
    "an empty list": ({"targets": []}, "2:1", "the target live (allowed: none)", "change `target.account`"),
}


@pytest.mark.parametrize(("project", "line", "what", "fix"), DENIED.values(), ids=DENIED)
def test_what_it_does_not_allow_is_a_problem_at_its_line(
    project: dict[str, Any], line: str, what: str, fix: str
) -> None:
    """The line of the Application document or of the resource; the project, what it allows, and the fix."""
    (problem,) = found(project)
    assert problem.startswith(f"shop/app.yaml:{line}: project shop does not allow {what}; {fix}")
    assert problem.endswith(f", or add it to projects.shop.{next(iter(project))} in the operator's config")


@pytest.mark.parametrize("project", [{"applications": ["bank-*"]}, {"sources": ["platform"]}], ids=["name", "source"])
def test_an_application_that_no_project_has_is_a_problem(project: dict[str, Any]) -> None:
    """At its Application document."""
    (problem,) = found(project)
    assert problem.startswith("shop/app.yaml:2:1: application shop-web is in no project (projects: shop); rename it")


def test_the_name_is_that_in_aws() -> None:
    """By default the name of the document, after `names` and patches of the Application."""
    template = SHOP.replace("spec:\n", 'spec:\n  names: "x-{name}"\n')
    assert [one.partition(" (")[0] for one in found({"names": ["shop-*"]}, template)] == [
        "shop/app.yaml:13:3: project shop does not allow the name x-shop-main"
    ]
    patched = SHOP.replace("spec:\n", "spec:\n  patches: {LogGroup/web: {logGroupName: bank}}\n")
    assert [one.partition(" (")[0] for one in found({"names": ["shop-*"]}, patched)] == [
        "shop/app.yaml:5:28: project shop does not allow the name bank"
    ]


def test_a_name_with_a_reference_cannot_be_checked() -> None:
    """So it is allowed by `*` alone."""
    reference = SHOP.replace("logGroupName: shop-web", "logGroupName: shop-${Network/vpc.vpcId}")
    (problem,) = found({"names": ["shop-*"]}, reference)
    assert "the name of LogGroup/web, which is a reference" in problem
    assert found({"names": ["*"]}, reference) == []


def test_a_daemon_holds_the_application_alone_and_deletes_nothing() -> None:
    """Its catalogue is that of all verbs."""
    other = SHOP.replace("shop-", "bank-")
    settings = Settings(targets=TARGETS, projects={"bank": ProjectSettings(applications=("bank-*",))})
    files = {"shop/app.yaml": SHOP.encode(), "bank/app.yaml": other.encode()}
    catalogue = wiring.workspace(settings, ".", read_only=True).catalogue(Snapshot(revision="1", files=files))
    assert [bool(catalogue.holds(name)) for name in ("shop-web", "bank-web")] == [True, False]
    assert "nothing will be deleted: shop/app.yaml:2 is not valid" in catalogue.warranted().pruning


def test_one_project_must_allow_all_of_it() -> None:
    """Two that allow one half each do not; the one with the fewest problems is reported."""
    halves: dict[str, Any] = {"one": {"kinds": ["Cluster"], "targets": ["other"]}, "two": {"kinds": ["LogGroup"]}}
    (problem,) = found(None, SHOP, **halves)
    assert "project two does not allow the kind Cluster" in problem
    assert found(None, SHOP, **halves, three={"applications": ["shop-web"]}) == []


def test_an_id_of_an_account_is_another_target_than_the_entry_with_its_role() -> None:
    """An application that names the id of the account has other credentials."""
    by_id = SHOP.replace("account: live", f'account: "{LIVE}"')
    assert [one.partition(" (")[0] for one in found({"targets": ["live"]}, by_id)] == [
        f"shop/app.yaml:2:1: project shop does not allow the target {LIVE}"
    ]
    assert found({"targets": [LIVE]}, by_id) == []


def test_an_application_does_not_take_over_what_another_project_has() -> None:
    """`formerly` names an application: its resources would become those of this one, or be deleted."""
    moved = SHOP.replace("name: shop-web}", "name: shop-web, formerly: [bank-api]}")
    (problem,) = found({"applications": ["shop-*"]}, moved)
    assert problem.startswith("shop/app.yaml:2:1: project shop does not allow to take over the application bank-api")
    assert found({"applications": ["shop-*", "bank-api"]}, moved) == []


def test_documents_without_an_application_are_checked_too() -> None:
    """The problem is at the start of their first file."""
    alone = "apiVersion: ecsync/v1\nresources:\n  Cluster/main: {}\n"
    (problem,) = found({"applications": ["shop-*"]}, alone)
    assert problem.startswith("shop/app.yaml:1:1: application ")
    (problem,) = found({"kinds": ["LogGroup"]}, alone)
    assert problem.startswith("shop/app.yaml:3:3: project shop does not allow the kind Cluster")


@pytest.mark.parametrize(
    ("source", "allowed"), [("web", True), ("platform", False), ("", False)], ids=["named", "another", "without a name"]
)
def test_an_application_is_of_a_project_by_its_source(source: str, *, allowed: bool) -> None:
    """A source without a name is the only one; a project that names its sources does not have it."""
    application = Application(name="shop-web", account="live", source=source)
    own = {"web": ProjectSettings(sources=("web",))}
    one = replace(application, source=source)
    settings = Settings(targets=TARGETS)
    given = list(projects.problems(own, [one], all_kinds(), lambda one: wiring.targets.target_of(settings, one)))
    assert (given == []) is allowed
    assert not source or allowed or "from the source platform is in no project" in given[0].message


def test_an_account_that_is_not_asserted_is_allowed_by_all_alone() -> None:
    """It may be any account."""
    own = SHOP.replace("  target: {account: live}\n", "  manage: [all]\n")
    (problem,) = found({"targets": ["live", LIVE]}, own)
    assert "the target without an account" in problem
    assert found({"targets": ["*"]}, own) == []

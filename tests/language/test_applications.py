"""Applications: their documents, and the effect of the Application document."""

from __future__ import annotations

import pytest

from ecsync.core.model import Key, Ref, Sync, Text
from ecsync.core.schema import STRING, Fixed, structure
from ecsync.language.documents import Document, Held
from ecsync.language.expand import Composite
from ecsync.language.nodes import to_nodes
from tests.language.test_documents import loaded, resources

APP = """apiVersion: ecsync/v1
kind: Application
metadata: {{name: {name}}}
spec:
  target: {{account: prod, region: ap-northeast-2}}
"""
SHOP, STORE = APP.format(name="shop"), APP.format(name="store")
GROUP = "resources: {{LogGroup/{}: {{}}}}\n"


def test_an_application_contains_all_files_below_its_directory() -> None:
    """A nested Application has its own files. Other files belong to the root application, which cannot prune."""
    result = loaded(
        {
            "x.yaml": GROUP.format("x"),
            "shop/app.yaml": SHOP,
            "shop/deep/er/a.yaml": GROUP.format("a"),
            "shop/store/app.yaml": STORE + "---\n" + GROUP.format("b"),
        }
    )
    assert {name: list(resources(result, name)) for name in ("shop", "store", "here")} == {
        "shop": ["LogGroup/a"],
        "store": ["LogGroup/b"],
        "here": ["LogGroup/x"],
    }
    assert {one.name: one.declared for one in result.applications} == {"shop": True, "store": True, "here": False}


def test_every_field_of_an_application_is_read() -> None:
    """Target, manage, after, sync and ignore are in the application and its resources."""
    text = """
kind: Application
metadata: {name: shop, formerly: [store]}
spec:
  target: {account: 123456789012, region: eu-west-1}
  manage: [Service, TaskDefinition]
  after: [here]
  sync: {mode: enforce, prune: true, interval: 5m}
  ignore:
  - {kind: Service, name: api, paths: [/deploymentConfiguration/bakeTimeInMinutes, /tags/a~1b]}
---
resources: {Service/api: {}, Service/web: {}}
"""
    result = loaded({"shop/app.yaml": text, "x.yaml": GROUP.format("x")})
    found = resources(result, "shop")
    shop = result.applications[0]
    assert (shop.account, shop.region, shop.formerly, shop.after) == (
        "123456789012",
        "eu-west-1",
        ("store",),
        ("here",),
    )
    assert shop.manage == ("Service", "TaskDefinition")
    assert shop.sync == Sync(mode="enforce", prune=True, interval=300.0)
    assert found["Service/api"].options.ignore == (("deploymentConfiguration", "bakeTimeInMinutes"), ("tags", "a/b"))
    assert found["Service/web"].options.ignore == ()


def test_manage_all_contains_every_kind() -> None:
    """`manage: [all]` includes Role."""
    result = loaded({"app.yaml": SHOP + "  manage: [all]\n"})
    assert "Role" in result.applications[0].manage


def test_each_application_has_its_own_copy_of_an_included_document() -> None:
    """Its variables, images, names and patches are those of the application."""
    base = """
kind: TaskDefinition
metadata: {name: api}
spec:
  cpu: 256
  containerDefinitions:
  - {name: web, image: "${image:api}", environment: {STAGE: "${var:stage}"}}
"""
    shop = SHOP + "  include: [../base]\n  names: shop-{name}\n  vars: {stage: prod}\n  images: {api: a:1}\n"
    store = STORE + '  include: [../base/td.yaml]\n  vars: {stage: "${env:STAGE}"}\n  images: {api: a:2}\n'
    store += "  patches: {TaskDefinition/api: {cpu: 512, containerDefinitions: {web: {essential: true}}}}\n"
    files = {"base/td.yaml": base, "shop/app.yaml": shop, "store/app.yaml": store}
    result = loaded(files, environment={"STAGE": "dev"})
    one, other = (resources(result, name)["TaskDefinition/api"] for name in ("shop", "store"))
    assert one.body == {
        "family": "shop-api",
        "cpu": "256",
        "containerDefinitions": [{"name": "web", "image": "a:1", "environment": [{"name": "STAGE", "value": "prod"}]}],
    }
    container = other.body["containerDefinitions"][0]
    assert (other.body["family"], other.body["cpu"], container["essential"]) == ("api", "512", True)
    assert container["environment"] == [{"name": "STAGE", "value": "dev"}]
    assert str(other.origins[("cpu",)]) == "store/app.yaml:9"
    assert str(other.origins[("containerDefinitions", 0, "image")]) == "base/td.yaml:7"
    assert [application.name for application in result.applications] == ["shop", "store"]


def test_names_do_not_apply_to_a_lookup() -> None:
    """`names` applies to resources that ecsync creates."""
    text = SHOP + "  names: shop-{name}\n---\nkind: Role\nmetadata: {name: exec, annotations: {ecsync/manage: read}}\n"
    assert resources(loaded({"app.yaml": text}), "shop")["Role/exec"].body["RoleName"] == "exec"


def test_a_reference_can_name_another_application() -> None:
    """`${app:…}` refers to a resource of another application, and a name may contain dots."""
    files = {
        "a/app.yaml": SHOP + '---\nresources: {Service/api: {cluster: "${app:store/Cluster/main.eu.arn}"}}\n',
        "b/app.yaml": STORE + "---\nresources: {Cluster/main.eu: {}}\n",
    }
    cluster = resources(loaded(files), "shop")["Service/api"].body["cluster"]
    assert cluster == Text((Ref(Key(application="store", kind="Cluster", name="main.eu"), "arn"),))


def test_a_broken_application_does_not_block_others() -> None:
    """A problem has the name of its application. An unreadable Application document keeps its directory."""
    files = {
        "a/app.yaml": "kind: Application\nmetadata: {name: shop}\nspec: {vars: {a: ${b}}}\n",
        "a/api.yaml": 'resources: {Service/api: {cluster: "${Cluster/gone}"}}\n',
        "b/app.yaml": STORE + "---\n" + GROUP.format("b"),
        "c.yaml": GROUP.format("c"),
    }
    result = loaded(files)
    assert {problem.application for problem in result.problems} == {"shop"}
    assert [problem.origin.file for problem in result.problems] == ["a/app.yaml"]
    assert {one.name: [str(r.key) for r in one.resources] for one in result.applications} == {
        "shop": ["Service/api"],
        "store": ["LogGroup/b"],
        "here": ["LogGroup/c"],
    }
    assert [problem for problem in result.problems if problem.application in ("", "store")] == []
    assert len([problem for problem in result.problems if problem.application in ("", "shop")]) == 1


def test_a_problem_in_an_included_file_blocks_every_application_with_it() -> None:
    """Each application has a copy of the problem."""
    files = {
        "base/x.yaml": "resources: {LogGroup/x: {retentionDays: 3}}\n",
        "a/app.yaml": SHOP + "  include: [../base]\n",
        "b/app.yaml": STORE + "  include: [../base]\n",
    }
    assert [problem.application for problem in loaded(files).problems] == ["shop", "store"]


def test_a_late_reference_is_not_part_of_a_cycle() -> None:
    """A cluster may name a group that names the cluster: the calls are made in two steps."""
    text = """
resources:
  Cluster/main: {capacityProviders: ["${AutoScalingGroup/x.name}"]}
  AutoScalingGroup/x: {MinSize: 0, MaxSize: 1, HealthCheckType: "${Cluster/main}"}
"""
    assert len(resources(loaded({"a.yaml": text}))) == 2


def test_a_cycle_across_applications_blocks_each_of_them() -> None:
    """The message contains the applications."""
    files = {
        "a/app.yaml": SHOP + '---\nresources: {LogGroup/a: {kmsKeyId: "${app:store/LogGroup/b.arn}"}}\n',
        "b/app.yaml": STORE + '---\nresources: {LogGroup/b: {kmsKeyId: "${app:shop/LogGroup/a.arn}"}}\n',
    }
    problems = loaded(files).problems
    assert [problem.application for problem in problems] == ["shop", "store"]
    assert "shop/LogGroup/a → store/LogGroup/b → shop/LogGroup/a" in problems[0].message


def test_two_documents_for_one_resource_are_found_through_references() -> None:
    """Two services with one name in one cluster are one service, in every form of the cluster."""
    files = {
        "a/app.yaml": SHOP
        + '---\nresources: {Cluster/c: {clusterName: main}, Service/api: {cluster: "${Cluster/c}"}}\n',
        "b/app.yaml": STORE + "---\nresources: {Service/x: {cluster: main, serviceName: api}}\n",
    }
    problems = loaded(files).problems
    assert [problem.application for problem in problems] == ["shop", "store"]
    assert "(b/app.yaml:7)" in problems[0].message
    elsewhere = {**files, "b/app.yaml": files["b/app.yaml"].replace("ap-northeast-2", "eu-west-1")}
    assert loaded(elsewhere).problems == ()
    lookup = "kind: Service\nmetadata: {name: x, annotations: {ecsync/manage: read}}\n"
    lookup += "spec: {cluster: main, serviceName: api}\n"
    assert loaded({**files, "b/app.yaml": STORE + "---\n" + lookup}).problems == ()


def _expand_web(document: Document, _: object) -> tuple[list[Document], list[object]]:
    name, origin = document.name, document.origin
    group = Document(
        kind="LogGroup",
        name=name,
        held=Held(to_nodes({"retentionInDays": document.spec.get("days")}, origin)),
        origin=origin,
    )
    container = {"name": name, "image": document.spec.get("image"), "command": ["${LogGroup/" + name + "}"]}
    task = Document(
        kind="TaskDefinition",
        name=name,
        held=Held(to_nodes({"containerDefinitions": [container]}, origin)),
        origin=origin,
    )
    return [group, task], []


def test_composites_are_expanded_before_references() -> None:
    """Their fields are checked, their documents keep origins, and patches apply to both."""
    shape = structure({"image": STRING, "days": Fixed(type="integer")}, "image")
    web = Composite(name="Web", shape=shape, expand=_expand_web)  # type: ignore[arg-type]
    app = SHOP + "  images: {a: x:1}\n  vars: {days: 7}\n"
    app += "  patches: {Web/api: {days: 30}, TaskDefinition/api: {cpu: 256}}\n"
    text = app + "---\nkind: Web\nmetadata: {name: api}\nspec:\n  image: ${image:a}\n  days: ${var:days}\n"
    found = resources(loaded({"app.yaml": text}, composites={"Web": web}), "shop")
    assert found["LogGroup/api"].body["retentionInDays"] == 30
    task = found["TaskDefinition/api"]
    assert task.body["cpu"] == "256"
    assert task.body["containerDefinitions"][0]["image"] == "x:1"
    assert task.body["containerDefinitions"][0]["command"] == [
        Text((Ref(Key(application="shop", kind="LogGroup", name="api"), "name"),))
    ]
    assert task.origins[("containerDefinitions", 0, "image")].line == 13
    wrong = text.replace("  image:", "  imgae:")
    messages = [problem.message for problem in loaded({"app.yaml": wrong}, composites={"Web": web}).problems]
    assert 'unknown field "imgae" in Web; did you mean "image"?' in messages
    assert 'missing required field "image" in Web' in messages


def test_one_name_of_a_role_in_two_regions_is_one_role() -> None:
    """Its names are of the account. A log group of the same name is another one in each Region."""
    there = STORE.replace("ap-northeast-2", "eu-west-1")
    files = {"shop/app.yaml": SHOP, "store/app.yaml": there}
    groups = {f"{name}/x.yaml": GROUP.format("x") for name in ("shop", "store")}
    assert loaded(files | groups).problems == ()
    roles = {
        f"{name}/x.yaml": 'resources: {Role/x: {RoleName: exec, AssumeRolePolicyDocument: {Version: "2012-10-17"}}}\n'
        for name in ("shop", "store")
    }
    found = loaded(files | roles).problems
    assert sorted(one.application for one in found) == ["shop", "store"]
    assert all("only one document may declare it" in one.message for one in found)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ('"load test until Friday"', "load test until Friday"),
        ("load\\ntest", "load\\ntest"),
        ('"true"', "no reason is given"),
        ("true", "no reason is given"),
        ('"false"', ""),
        ("", ""),
    ],
)
def test_an_application_is_suspended_by_its_annotation(value: str, reason: str) -> None:
    """The value is the reason."""
    text = SHOP.replace("{name: shop}", f"{{name: shop, annotations: {{ecsync/suspend: {value}}}}}")
    result = loaded({"shop/app.yaml": text})
    assert [one.suspend for one in result.applications if one.name == "shop"] == [reason]


@pytest.mark.parametrize(
    ("annotation", "problem"),
    [
        ("ecsync/suspend: {a: b}", "must be the reason as text"),
        ("ecsync/suspnd: x", 'did you mean "ecsync/suspend"?'),
        ("ecsync/replace: allow", "an Application has no other ecsync annotation"),
    ],
)
def test_an_application_has_no_other_annotation(annotation: str, problem: str) -> None:
    """Those of other tools are ignored."""
    text = SHOP.replace("{name: shop}", f"{{name: shop, annotations: {{{annotation}, other/x: y}}}}")
    (found,) = loaded({"shop/app.yaml": text}).problems
    assert problem in found.message

"""How the answers of each kind are shared (`Kind.collections`), against botocore's models."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.model import ServiceModel

from ecsync import kinds
from ecsync.awsmodel import models
from ecsync.core.kind import Collection, Kind
from ecsync.core.marks import tag_map

DECLARED = [(kind, one) for kind in kinds.ALL for one in kind.collections]
each = pytest.mark.parametrize(
    ("kind", "collection"), DECLARED, ids=[f"{kind.name}-{one.operation}" for kind, one in DECLARED]
)


def operation_of(collection: Collection) -> Any:
    """Return an operation of botocore's model."""
    service, _, name = collection.operation.partition(".")
    model = models.shared_loader().load_service_model(service, "service-2")
    return ServiceModel(model, service).operation_model(name)


@each
def test_a_collection_is_of_a_declared_read(kind: Kind, collection: Collection) -> None:
    """Add the operation to `reads`: the IAM actions follow from it."""
    assert collection.operation in kind.reads


@each
def test_the_members_of_a_collection_are_those_of_the_operation(kind: Kind, collection: Collection) -> None:
    """The parameter with the identifiers, the items with their identifier, and the failures with an ARN."""
    del kind
    operation = operation_of(collection)
    if collection.tags_of:
        assert collection.tags_of in operation.input_shape.members
    if not collection.ids:
        assert (collection.size, collection.items, collection.key, collection.failures) == (0, "", "", "")
        return
    ids = operation.input_shape.members[collection.ids]
    items = operation.output_shape.members[collection.items]
    assert (ids.type_name, items.type_name) == ("list", "list")
    assert collection.key in items.member.members
    assert collection.size <= ids.metadata.get("max", collection.size)
    if collection.failures:
        assert "arn" in operation.output_shape.members[collection.failures].member.members


@each
def test_tags_of_the_tagging_api_are_answered_as_the_operation_does(kind: Kind, collection: Collection) -> None:
    """The answer is made of its members, and a kind reads the same tags from it."""
    del kind
    if collection.as_tagged is None:
        return
    tags = {"team": "a", "empty": ""}
    answer = collection.as_tagged("arn:aws:x", tags)
    shape = operation_of(collection).output_shape
    members = shape.members[collection.items].member.members if collection.ids else shape.members
    assert answer.keys() <= members.keys()
    (found,) = (value for name, value in answer.items() if name.lower() == "tags")
    assert tag_map(found) == tags


def test_an_operation_of_two_kinds_is_shared_in_one_way() -> None:
    """Else the kind that is loaded last decides for both."""
    of: dict[str, Collection] = {}
    for _, one in DECLARED:
        assert of.setdefault(one.operation, one) == one


def test_tags_are_listed_for_kinds_that_the_tagging_api_lists() -> None:
    """A kind with a type there can be listed by it, and has `owned` to verify what is found."""
    for kind in kinds.ALL:
        assert not kind.tagged_as or kind.owned is not None, kind.name
        assert not kind.tagged_as or kind.tagging is not None, kind.name

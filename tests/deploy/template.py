"""CloudFormation's language, as far as our templates use it: parameters, conditions, rules, functions.

A function or a parameter that is not known here raises: a template cannot pass because a part of it was skipped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

NO_VALUE = object()  # what `Ref: AWS::NoValue` becomes, until it is left out


class _Loader(yaml.SafeLoader):
    """YAML with the short forms of functions."""


def _function(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _function)


def load(path: Path) -> dict[str, Any]:
    """Return a template with the long forms of functions. CloudFormation has no aliases of YAML."""
    text = path.read_text(encoding="utf-8")
    assert not any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=_Loader))
    loaded = yaml.load(text, Loader=_Loader)  # noqa: S506  # a SafeLoader with functions
    assert isinstance(loaded, dict)
    return loaded


class Invalid(Exception):
    """CloudFormation refuses the template with these parameters."""


@dataclass
class Stack:
    """A template with values of its parameters.

    `physical` has what `Ref` and `attributes` what `Fn::GetAtt` of each created resource returns.
    """

    template: Mapping[str, Any]
    given: Mapping[str, str]
    account: str
    region: str
    name: str = "ecsync"
    physical: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, dict[str, str]] = field(default_factory=dict)
    parameters: dict[str, Any] = field(init=False)
    conditions: dict[str, bool] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        declared = self.template.get("Parameters", {})
        unknown = self.given.keys() - declared.keys()
        if unknown:
            raise Invalid(f"Parameters: {sorted(unknown)} do not exist in the template")
        self.parameters = {name: _parameter(name, one, self.given) for name, one in declared.items()}
        for name in self.template.get("Conditions", {}):
            self._condition(name)
        for name, rule in self.template.get("Rules", {}).items():
            if self.value(rule.get("RuleCondition", True)):
                for one in rule["Assertions"]:
                    if not self.value(one["Assert"]):
                        raise Invalid(f"{name}: {one['AssertDescription']}")

    def resources(self) -> dict[str, Mapping[str, Any]]:
        """Return the resources of which the condition holds, each after those that it refers to."""
        found = {
            name: one
            for name, one in self.template["Resources"].items()
            if "Condition" not in one or self.conditions[one["Condition"]]
        }
        order = TopologicalSorter({name: self._needed(one) & found.keys() for name, one in found.items()})
        return {name: found[name] for name in order.static_order()}

    def properties(self, name: str) -> dict[str, Any]:
        """Return the evaluated properties of a resource."""
        evaluated = self.value(self.template["Resources"][name].get("Properties", {}))
        assert isinstance(evaluated, dict)
        return evaluated

    def outputs(self) -> dict[str, str]:
        """Return the outputs of which the condition holds."""
        return {
            name: self.value(one["Value"])
            for name, one in self.template.get("Outputs", {}).items()
            if "Condition" not in one or self.conditions[one["Condition"]]
        }

    def value(self, node: Any) -> Any:
        """Return a node with its functions evaluated."""
        if isinstance(node, list):
            return [one for one in map(self.value, node) if one is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            (name, argument) = next(iter(node.items()))
            function = _FUNCTIONS.get(name)
            if function is not None:
                return function(self, argument)
            if str(name).startswith("Fn::"):
                raise AssertionError(f"the template uses {name}: a test has to know what it returns")
        evaluated = {name: self.value(one) for name, one in node.items()}
        return {name: one for name, one in evaluated.items() if one is not NO_VALUE}

    def _needed(self, node: Any) -> set[str]:
        """Return the names to which a node refers, in any branch, and its DependsOn."""
        if isinstance(node, list):
            return {name for one in node for name in self._needed(one)}
        if not isinstance(node, dict):
            return set()
        names = {name for one in node.values() for name in self._needed(one)}
        if "Ref" in node:
            names.add(str(node["Ref"]))
        if "Fn::GetAtt" in node:
            names.add(node["Fn::GetAtt"][0])
        if isinstance(node.get("Fn::Sub"), str):
            names |= {one.partition(".")[0] for one in re.findall(r"\$\{([^}]+)\}", node["Fn::Sub"])}
        if isinstance(node.get("DependsOn"), str):
            names.add(node["DependsOn"])
        return names

    def _condition(self, name: str) -> bool:
        if name not in self.conditions:
            self.conditions[name] = bool(self.value(self.template["Conditions"][name]))
        return self.conditions[name]

    def _ref(self, name: str) -> Any:
        pseudo = {
            "AWS::AccountId": self.account,
            "AWS::Region": self.region,
            "AWS::Partition": "aws",
            "AWS::StackName": self.name,
            "AWS::NoValue": NO_VALUE,
        }
        for known in (pseudo, self.parameters, self.physical):
            if name in known:
                return known[name]
        raise KeyError(f"Ref of {name}: no parameter, and no resource that exists")

    def _attribute(self, resource: str, name: str) -> str:
        return self.attributes[resource][name]

    def _sub(self, text: str) -> str:
        def replaced(match: re.Match[str]) -> str:
            resource, _, attribute = match[1].partition(".")
            return str(self._attribute(resource, attribute) if attribute else self._ref(resource))

        return re.sub(r"\$\{([^}!]+)\}", replaced, text)

    def _if(self, argument: list[Any]) -> Any:
        name, yes, no = argument
        return self.value(yes if self.conditions[name] else no)


_FUNCTIONS: dict[str, Callable[[Stack, Any], Any]] = {
    "Ref": Stack._ref,
    "Condition": Stack._condition,
    "Fn::GetAtt": lambda stack, argument: stack._attribute(*argument),
    "Fn::Sub": Stack._sub,
    "Fn::If": Stack._if,
    "Fn::Equals": lambda stack, argument: stack.value(argument[0]) == stack.value(argument[1]),
    "Fn::Not": lambda stack, argument: not stack.value(argument[0]),
    "Fn::And": lambda stack, argument: all(stack.value(one) for one in argument),
    "Fn::Contains": lambda stack, argument: stack.value(argument[1]) in stack.value(argument[0]),
}


def _parameter(name: str, declared: Mapping[str, Any], given: Mapping[str, str]) -> Any:
    if name not in given and "Default" not in declared:
        raise Invalid(f"Parameters: [{name}] must have values")
    value = str(given.get(name, declared.get("Default")))
    if len(value) < int(declared.get("MinLength", 0)):
        raise Invalid(f"{name}: must not be empty")
    if "AllowedValues" in declared and value not in map(str, declared["AllowedValues"]):
        raise Invalid(f"{name}: {value} is not one of {declared['AllowedValues']}")
    if "AllowedPattern" in declared and not re.fullmatch(declared["AllowedPattern"], value):
        raise Invalid(f"{name}: {declared['ConstraintDescription']}")
    if declared["Type"].startswith("List<"):
        return value.split(",")
    return int(value) if declared["Type"] == "Number" else value

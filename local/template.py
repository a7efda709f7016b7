"""`template.yaml` read as CloudFormation and SAM do: parameters, conditions, intrinsic functions, globals."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

REGION = "us-east-1"
ACCOUNT = "000000000000"
PARTITION = "aws"

# (logical id, attribute or "" for Ref) -> what CloudFormation would put there
Lookup = Callable[[str, str], Any]

_NOTHING = object()

# Functions that look at nothing but their arguments.
_PURE: dict[str, Callable[[list[Any]], Any]] = {
    "Fn::Equals": lambda given: str(given[0]) == str(given[1]),
    "Fn::Not": lambda given: not given[0],
    "Fn::And": all,
    "Fn::Or": any,
    "Fn::Join": lambda given: given[0].join(str(item) for item in given[1]),
    "Fn::Split": lambda given: given[1].split(given[0]),
    "Fn::Select": lambda given: given[1][int(given[0])],
}


class TemplateError(Exception):
    """The template says something that cannot be followed here; the message names the place."""


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, turned into their long forms."""


def _intrinsic(loader: yaml.SafeLoader, name: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _intrinsic)


class Template:
    """One template with its parameters decided.

    `parameters` overrides defaults; names the template does not know are ignored, a value outside
    AllowedValues or AllowedPattern raises TemplateError, as the real thing would refuse the deployment.
    """

    def __init__(self, path: Path, parameters: Mapping[str, str], stack: str = "local") -> None:
        self.folder = path.resolve().parent
        self._raw: dict[str, Any] = yaml.load(path.read_text("utf-8"), _Loader)
        self._pseudo = {
            "AWS::Region": REGION,
            "AWS::AccountId": ACCOUNT,
            "AWS::Partition": PARTITION,
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::StackName": stack,
            "AWS::StackId": f"arn:{PARTITION}:cloudformation:{REGION}:{ACCOUNT}:stack/{stack}/local",
            "AWS::NoValue": _NOTHING,
        }
        self.parameters = {
            name: self._parameter(name, spec, parameters)
            for name, spec in self._raw.get("Parameters", {}).items()
        }
        self.resources: dict[str, dict[str, Any]] = {
            name: spec
            for name, spec in self._raw.get("Resources", {}).items()
            if "Condition" not in spec or self.condition(spec["Condition"])
        }

    @staticmethod
    def _parameter(name: str, spec: Mapping[str, Any], given: Mapping[str, str]) -> str:
        if name not in given and "Default" not in spec:
            raise TemplateError(f"parameter {name} has no default: give it a local value")
        value = str(given.get(name, spec.get("Default")))
        allowed = [str(one) for one in spec.get("AllowedValues", [value])]
        if value not in allowed or not re.match(spec.get("AllowedPattern", ""), value):
            raise TemplateError(f"parameter {name} may not be {value!r}")
        return value

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """Logical id -> unresolved properties, for every resource of this type that is deployed."""
        return {
            name: spec.get("Properties", {}) for name, spec in self.resources.items() if spec["Type"] == kind
        }

    def function_properties(self) -> dict[str, dict[str, Any]]:
        """Unresolved properties of every function, the Globals merged in."""
        shared = self._raw.get("Globals", {}).get("Function", {})
        return {name: _merged(shared, own) for name, own in self.of_type("AWS::Serverless::Function").items()}

    def outputs(self, lookup: Lookup) -> dict[str, str]:
        """What the deployment would print, by output name."""
        return {
            name: str(self.resolve(spec["Value"], lookup))
            for name, spec in self._raw.get("Outputs", {}).items()
            if "Condition" not in spec or self.condition(spec["Condition"])
        }

    def condition(self, name: str) -> bool:
        """Whether the named condition holds."""
        return bool(self.resolve(self._raw["Conditions"][name], _no_resource))

    def resolve(self, value: Any, lookup: Lookup) -> Any:
        """Replace every intrinsic function inside `value`; AWS::NoValue takes its key or item away."""
        if isinstance(value, list):
            items = [self.resolve(item, lookup) for item in value]
            return [item for item in items if item is not _NOTHING]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (name, argument), *_ = value.items()
            if name in ("Ref", "Condition") or name.startswith("Fn::"):
                return self._call(name, argument, lookup)
        pairs = ((name, self.resolve(item, lookup)) for name, item in value.items())
        return {name: item for name, item in pairs if item is not _NOTHING}

    def _call(self, name: str, argument: Any, lookup: Lookup) -> Any:
        if name == "Fn::If":
            branch = 1 if self.condition(argument[0]) else 2
            return self.resolve(argument[branch], lookup)
        if name == "Fn::GetAtt":
            logical, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
            return lookup(logical, attribute)
        if name == "Fn::Sub":
            return self._sub(argument, lookup)
        resolved = self.resolve(argument, lookup)
        if name == "Ref":
            return self._ref(resolved, lookup)
        if name == "Condition":
            return self.condition(resolved)
        if name == "Fn::FindInMap":
            return self._raw["Mappings"][resolved[0]][resolved[1]][resolved[2]]
        if name not in _PURE:
            raise TemplateError(f"{name} is not known to the local cloud")
        return _PURE[name](resolved)

    def _ref(self, name: str, lookup: Lookup) -> Any:
        for known in (self._pseudo, self.parameters):
            if name in known:
                return known[name]
        return lookup(name, "")

    def _sub(self, argument: Any, lookup: Lookup) -> str:
        text, extra = argument if isinstance(argument, list) else (argument, {})

        def value(match: re.Match[str]) -> str:
            name = match[1]
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            if name in extra:
                return str(self.resolve(extra[name], lookup))
            if "." in name:
                return str(lookup(*name.split(".", 1)))
            return str(self._ref(name, lookup))

        return re.sub(r"\$\{([^}]+)\}", value, text)


def _no_resource(logical: str, attribute: str) -> Any:
    raise TemplateError(f"a condition cannot look at the resource {logical}")


def _merged(shared: Any, own: Any) -> Any:
    """SAM's rule: maps are merged, lists joined, anything else is the function's own."""
    if isinstance(shared, dict) and isinstance(own, dict) and not {"Ref", "Fn::If"} & own.keys():
        return {**shared, **{name: _merged(shared.get(name), item) for name, item in own.items()}}
    if isinstance(shared, list) and isinstance(own, list):
        return shared + own
    return own

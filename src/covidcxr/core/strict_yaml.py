"""YAML that is read strictly: a key that stands twice is an error, and 1e-4 is a number."""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

import yaml

from covidcxr.core.errors import Problem
from covidcxr.core.words import one_line


def parse(text: str, what: str) -> Any:
    """Read YAML strictly: a key that stands twice is an error.

    ``what`` begins the sentence of the `Problem` for invalid YAML: ``config/demo.yaml: is``.
    """
    try:
        return yaml.load(text, _Loader)
    # PyYAML lets some Python errors through: for 2020-99-99, or for a thousand brackets.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Problem(f"{what} not valid YAML: {one_line(error)}.") from error


def dump(content: Any) -> str:
    """Write content as YAML that `parse` reads back to the same."""
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


class _Loader(yaml.SafeLoader):
    """YAML that reads 1e-4 as a number and refuses a key written twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key, _ in node.value:
            value = self.construct_object(key, deep=True)
            if not isinstance(value, Hashable):
                raise yaml.MarkedYAMLError(
                    problem="a key must be a word or a number", problem_mark=key.start_mark
                )
            if value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"key '{value}' stands twice", problem_mark=key.start_mark
                )
            seen.add(value)
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    """YAML for `_Loader`: quotes the text that it would take for a number."""


def _quote_breaks(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Write text in escapes where it holds one of Unicode's other line breaks."""
    style = '"' if any(mark in text for mark in "\x85\u2028\u2029") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _quote_breaks)

# YAML 1.1, which PyYAML speaks, takes 1e-4 and 1.5e3 for text; 1.2 takes them for numbers.
for _yaml in (_Loader, _Dumper):
    _yaml.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
        list("-+0123456789"),
    )

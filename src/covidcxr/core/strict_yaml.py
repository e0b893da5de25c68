"""YAML that is read strictly: plain values, each written once, within limits.

The reader takes what a person writes by hand and refuses the rest of the language, tags,
aliases, merged keys and several documents, before anything is built from it. Numbers are
decimal, 1e-4 is one of them; a date, 1:10 and 0106 are text.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from yaml.reader import Reader

from covidcxr.core.errors import Unusable
from covidcxr.core.text_files import read_text
from covidcxr.core.words import one_line, printable, shown

try:  # ten times as fast
    from yaml import CSafeLoader as _Reader
except ImportError:  # PyYAML was built without libyaml
    from yaml import SafeLoader as _Reader  # type: ignore[assignment]

_LARGEST = 2_000_000  # bytes
_DEEPEST = 50
_NODES = 100_000
_DIGITS = 100
_CORE = "tag:yaml.org,2002:"


def read(path: Path) -> Any:
    """Read a YAML file strictly; `Unusable` if it cannot be read, or `parse` refuses it."""
    return parse(read_text(path, "YAML", most=_LARGEST), f"{path}: is")


def parse(text: str, what: str) -> Any:
    """Read YAML strictly.

    Parameters
    ----------
    text
        One document.
    what
        The begin of the sentence for YAML that is refused: ``config/demo.yaml: is``.

    Raises
    ------
    Unusable
        For invalid YAML, a key that stands twice or is no text, a tag, an alias, a second
        document, and more than the limits allow; names line and column.
    """
    if len(text) > _LARGEST:
        raise Unusable(f"{what} larger than {_LARGEST / 1e6:g} MB; remove what is not needed.")
    try:
        _check_characters(text)
        _check_structure(text)
        return yaml.load(text, _Loader)
    except _Refusal as error:
        raise Unusable(f"{what} not valid YAML, strictly read: {_place(error)}.") from error
    except yaml.YAMLError as error:
        raise Unusable(f"{what} not valid YAML: {_syntax(error, text)}.") from error


def dump(content: Any) -> str:
    """Write content, its keys text, as YAML that `parse` reads back to the same."""
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


class _Refusal(yaml.MarkedYAMLError):
    """YAML that this package does not take, why, and where."""

    def __init__(self, problem: str, mark: Any) -> None:
        super().__init__(problem=problem, problem_mark=mark)


class _Loader(_Reader):
    """YAML whose keys are text and stand once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if fault := _fault(key, seen):
                raise _Refusal(fault, key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        if len(node.value) > _DIGITS:
            raise _Refusal(f"a number has more than {_DIGITS} digits; correct it", node.start_mark)
        return int(super().construct_yaml_int(node))


class _Dumper(yaml.SafeDumper):
    """YAML for `_Loader`: quotes the text that any reader would take for something else."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _fault(key: yaml.Node, seen: set[str]) -> str | None:
    """Return what is wrong with a key."""
    if not isinstance(key, yaml.ScalarNode):
        return "a key in brackets is no text; put it in quotes"
    # Numbers can be chosen such that a dictionary of them takes hours.
    if key.tag != f"{_CORE}str":
        return f"key '{shown(key.value)}' is no text; put it in quotes"
    if key.value in seen:
        return f"key '{shown(key.value)}' stands twice; remove one of them"
    return "key '<<' merges nothing here; write its lines out" if key.value == "<<" else None


def _quote_breaks(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Write text in escapes where it holds one of Unicode's other line breaks."""
    style = '"' if any(mark in text for mark in "\x85\u2028\u2029") else None
    return dumper.represent_scalar(f"{_CORE}str", text, style=style)


def _resolve(reader: Any, kind: str, pattern: str, first: str) -> None:
    """Take unquoted text of this pattern for a value of this kind."""
    beginnings = [*first] if kind != "null" else [*first, ""]
    reader.add_implicit_resolver(f"{_CORE}{kind}", re.compile(f"^(?:{pattern})$"), beginnings)


_FLOAT = (
    r"[-+]?[0-9][0-9_]*\.[0-9_]*([eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
    r"|[-+]?\.[0-9][0-9_]*([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
# Without those of YAML 1.1 that surprise: dates, 1:10, 0106, 0x1F, <<.
_Loader.yaml_implicit_resolvers = {}
_resolve(_Loader, "null", "~|null|Null|NULL|", "~nN")
_resolve(
    _Loader,
    "bool",
    "yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF",
    "yYnNtTfFoO",
)
_resolve(_Loader, "int", "[-+]?(0|[1-9][0-9_]*)", "-+0123456789")
_resolve(_Loader, "float", _FLOAT, "-+.0123456789")
_resolve(_Dumper, "float", _FLOAT, "-+.0123456789")
_Loader.add_constructor(f"{_CORE}int", _Loader.construct_yaml_int)
_Dumper.add_representer(str, _quote_breaks)


def _check_characters(text: str) -> None:
    if match := Reader.NON_PRINTABLE.search(text):
        character = printable(match[0])
        raise _Refusal(
            f"character {character} is not allowed; remove it, or write it as an escape in "
            "double quotes",
            _mark(text, match.start()),
        )
    # libyaml compares each %TAG with every other one.
    if match := re.search(r"^%", text, re.MULTILINE):
        raise _Refusal("a line begins with %; remove it", _mark(text, match.start()))


def _check_structure(text: str) -> None:
    """Refuse what would be built to something large, or to no plain value."""
    depth = nodes = documents = 0
    for event in yaml.parse(text, _Loader):
        documents += isinstance(event, yaml.DocumentStartEvent)
        nodes += isinstance(event, yaml.NodeEvent)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
        if documents > 1:
            fault = "a second document begins; give each a file of its own"
        elif nodes > _NODES:
            fault = f"more than {_NODES:,} values are too many; remove what is not needed"
        elif depth > _DEEPEST:
            fault = f"more than {_DEEPEST} levels are too deep; flatten them"
        elif anchor is not None:
            fault = f"'{shown(anchor)}' names a value to repeat it; write it out each time"
        elif tag is not None:
            fault = f"tag '{shown(tag.replace(_CORE, '!!'))}' is not taken; remove it"
        else:
            continue
        raise _Refusal(fault, event.start_mark)


def _mark(text: str, index: int) -> yaml.Mark:
    before = text[:index].split("\n")
    return yaml.Mark("", index, len(before) - 1, len(before[-1]), None, 0)


def _syntax(error: yaml.YAMLError, text: str) -> str:
    """Write what PyYAML says of invalid YAML, without its name for the text."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return f"{shown(getattr(error, 'reason', error))}; correct it"
    mark = error.problem_mark
    at = mark.index
    character = text[at : at + 1]
    if character == "\t":
        problem = "a tab stands here; indent with blanks"
    elif (error.problem or "").startswith("found character"):
        problem = f"a text cannot begin with {character}; put it in quotes"
    elif at >= len(text) and "':'" not in (error.problem or ""):
        problem = "the text ends where a bracket or a quotation mark is open; close it"
        mark = _mark(text, len(text.rstrip()))  # PyYAML names the line after the last
    else:
        problem = one_line(f"{error.problem} {error.context or ''}")
        if error.context and error.context_mark:
            problem += f" that begins in line {error.context_mark.line + 1}"
        problem += "; check quotes, colons and indentation"
    return _place(yaml.MarkedYAMLError(problem=problem, problem_mark=mark))


def _place(error: yaml.MarkedYAMLError) -> str:
    """Write a problem behind its line and column."""
    mark = error.problem_mark
    return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}" if mark else ""

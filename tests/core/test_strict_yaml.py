"""YAML is read strictly: what is refused is one sentence that names line and column."""

import datetime
import resource
import subprocess
import sys
import textwrap
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from covidcxr.core import strict_yaml
from covidcxr.core.errors import Problem, Unusable
from covidcxr.core.text_files import read_text


def complaint(text: str) -> str:
    with pytest.raises(Unusable) as raised:
        strict_yaml.parse(text, "x.yaml: is")
    assert raised.value.status == 2
    return str(raised.value)


def refusal(content: bytes, folder: Path) -> str:
    path = folder / "x.yaml"
    path.write_bytes(content)
    with pytest.raises(Unusable) as raised:
        strict_yaml.read(path)
    return str(raised.value).removeprefix(str(path))


LONG = "b" * 200

STRICT = [
    (
        "a: !!python/object/apply:os.system [ls]",
        "1, column 4: tag '!!python/object/apply:os.system'",
    ),
    ("a: 1\nb: !foo 1", "2, column 4: tag '!foo' is not taken; remove it."),
    ("a: ! 1", "1, column 4: tag '!' is not taken; remove it."),
    ("a: !!bool x", "1, column 4: tag '!!bool' is not taken; remove it."),
    ("a: !!int ''", "1, column 4: tag '!!int' is not taken; remove it."),
    ("a: !!timestamp x", "1, column 4: tag '!!timestamp' is not taken; remove it."),
    (f"!{LONG} a", f"1, column 1: tag '!{LONG[:59]}...' is not taken; remove it."),
    ("a: &b [*b]", "1, column 4: 'b' names a value to repeat it; write it out each time."),
    ("- a\n- *b", "2, column 3: 'b' names a value to repeat it; write it out each time."),
    (f"*{LONG}", f"1, column 1: '{LONG[:60]}...' names a value to repeat it"),
    ("a:\n  <<: {b: 1}", "2, column 3: key '<<' merges nothing here; write its lines out."),
    ("a: 1\nb: 2\na: 3", "3, column 1: key 'a' stands twice; remove one of them."),
    (f"{LONG}: 1\n{LONG}: 1", f"2, column 1: key '{LONG[:60]}...' stands twice"),
    ("~: 1", "1, column 1: key '~' is no text; put it in quotes."),
    ("{a: 1, 2: 3}", "1, column 8: key '2' is no text; put it in quotes."),
    ("no: 1", "1, column 1: key 'no' is no text; put it in quotes."),
    ("{{ place }}: 1", "1, column 1: a key in brackets is no text; put it in quotes."),
    ("a: 1\n---\nb: 1", "2, column 1: a second document begins; give each a file of its own."),
    ("%YAML 1.2\n---\na: 1", "1, column 1: a line begins with %; remove it."),
    ("a: 1\nb: \0", "2, column 4: character \\x00 is not allowed; remove it"),
    ("a: \x1b[31m", "1, column 4: character \\x1b is not allowed; remove it"),
    ("a: \ud800", "1, column 4: character \\ud800 is not allowed; remove it"),
    ("[" * 51, "1, column 51: more than 50 levels are too deep; flatten them."),
    ("- " * 51, "1, column 101: more than 50 levels are too deep; flatten them."),
    ("- a\n" * 100_000, "100000, column 3: more than 100,000 values are too many; remove what"),
    ("9" * 101, "1, column 1: a number has more than 100 digits; correct it."),
]


@pytest.mark.parametrize(("text", "said"), STRICT, ids=[text[:20] for text, _ in STRICT])
def test_what_is_more_than_plain_values_is_refused_with_its_place(text: str, said: str) -> None:
    message = complaint(text)
    assert message.startswith(f"x.yaml: is not valid YAML, strictly read: line {said}")
    assert message.isprintable()
    assert len(message) < 200


INVALID = [
    ("a:\n\tb: 1", "2, column 1: a tab stands here; indent with blanks."),
    ("a: @b", "1, column 4: a text cannot begin with @; put it in quotes."),
    ("a: %b", "1, column 4: a text cannot begin with %; put it in quotes."),
    ("a: [1, 2\n", "1, column 9: the text ends where a bracket or a quotation mark is open; close"),
    ("a: 'b\nc: d\n", "2, column 5: the text ends where a bracket or a quotation mark is open"),
    ("a: b: c", "1, column 5: mapping values are not allowed"),
    ("a:\n  - b\n c", "3, column 2: did not find expected key"),
]


@pytest.mark.parametrize(("text", "said"), INVALID)
def test_invalid_yaml_is_named_with_its_place(text: str, said: str) -> None:
    message = complaint(text)
    assert message.startswith(f"x.yaml: is not valid YAML: line {said}")
    assert message.endswith(".")
    assert "string>" not in message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a: b\nK\xf6ln: 1", ", line 2: is not UTF-8 text; save the file as UTF-8."),
        (b"a: \0", ", line 1: holds a NUL character; save the file as UTF-8 text."),
        (
            "a: b".encode("utf-16-le"),
            ", line 1: holds a NUL character; save the file as UTF-8 text.",
        ),
        (b"\xff\xfe\x00", ", line 1: is not UTF-8 text; save the file as UTF-8."),
        (b"\x89PNG\r\n\x1a\n\0", ", line 1: is not UTF-8 text; save the file as UTF-8."),
        (b" " * 2_000_001, ": is larger than 2 MB; remove what is not needed."),
    ],
)
def test_a_file_that_is_no_text_is_named(content: bytes, said: str, tmp_path: Path) -> None:
    assert refusal(content, tmp_path) == said


def test_an_endless_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match=r"^/dev/zero: is larger than 2 MB"):
        strict_yaml.read(Path("/dev/zero"))
    with pytest.raises(
        Unusable, match=r"cannot be read as YAML \(Is a directory\); check the file"
    ):
        strict_yaml.read(tmp_path)


def test_a_long_text_is_refused() -> None:
    assert complaint(" " * 2_000_001) == "x.yaml: is larger than 2 MB; remove what is not needed."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_every_encoding_that_names_itself_is_read(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes("Köln: ±1\r\n".encode(encoding))
    assert read_text(path) == "Köln: ±1\r\n"
    assert strict_yaml.read(path) == {"Köln": "±1"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((text, text) for text in ("1:10", "1:10.5", "0106", "0o106", "0x1F", "0b1", "00", "<<")),
        *((text, text) for text in ("2021-01-01", "2020-99-99", "2021-01-01 10:00:00", "=", "1 2")),
        ("12", 12),
        ("-7", -7),
        ("10_000", 10_000),
        ("0", 0),
        ("1e-4", 1e-4),
        ("1.5e3", 1500.0),
        (".5", 0.5),
        ("-.5e3", -500.0),
        ("-.inf", float("-inf")),
        ("yes", True),
        ("OFF", False),
        ("~", None),
        ("", None),
        ("'\\x41'", "\\x41"),
        ('"\\x41"', "A"),
    ],
)
def test_a_value_is_read_as_a_person_means_it(text: str, value: object) -> None:
    (read,) = strict_yaml.parse(f"[{text or '~'}]", "it is")
    assert read == value
    assert type(read) is type(value)
    assert strict_yaml.parse(text, "it is") == value


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**98), 10**98)
    | st.floats(allow_nan=False)
    | st.text()
    | st.dates().map(datetime.date.isoformat)
    | st.from_regex(r"[-+0-9_.:exob]{1,8}", fullmatch=True),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(values)
def test_what_is_written_is_read_back(content: object) -> None:
    if "<<" not in repr(content):
        assert strict_yaml.parse(strict_yaml.dump(content), "it is") == content


def test_a_value_that_stands_twice_is_written_out() -> None:
    scores = ["f1"]
    assert strict_yaml.dump({"a": scores, "b": scores}) == "a:\n- f1\nb:\n- f1\n"


def judged(text: str) -> None:
    """Read a text; whatever is wrong with it has to be a printable sentence."""
    try:
        strict_yaml.parse(text, "it is")
    except Problem as problem:
        message = str(problem)
        assert message.isprintable()
        assert message.endswith(".")
        assert len(message) < 300
        assert "string>" not in message


@given(st.binary(max_size=200))
def test_random_bytes_are_read_or_refused(tmp_path_factory: Any, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "random.yaml"
    path.write_bytes(content)
    try:
        text = read_text(path)
    except Problem as problem:
        assert str(problem).startswith(f"{path}, line ")
    else:
        judged(text)


FRAGMENTS = (
    *"[]{},:-?&*!|>'\"%@`#~=.\t\n\r\0\x85\u2028\ufeff\ud800",
    *(
        "a",
        " ",
        "\n ",
        "\n  ",
        ": ",
        "- ",
        "? ",
        "---\n",
        "...\n",
        "<<: ",
        "&a ",
        "*a",
        "!!int ",
        "!b ",
    ),
    *("1", "1e5", "0o7", "2020-99-99", "!!python/name:os.system ", "%TAG ! x\n", "\\x", "\\ud800"),
)


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=30).map("".join) | st.text(max_size=60))
def test_random_fragments_are_read_or_refused(text: str) -> None:
    judged(text)


BOMBS = {
    "aliases": "a: &a [x, x]\n"
    + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in pairwise("abcdefghijklmnop")),
    "brackets": "[" * 1_999_999,
    "dashes": "- " * 999_999,
    "questions": "? " * 999_999,
    "maps": "".join(f"{' ' * i}a:\n" for i in range(1900)),
    "list": "- a\n" * 99_000,
    "keys": "".join(f"k{i}: 1\n" for i in range(49_000)),
    "colliding keys": "".join(f"{i * (2**61 - 1)}: 1\n" for i in range(49_000)),
    "digits": "a: " + "9" * 1_999_000,
    "float": "a: " + "9_" * 999_000 + ".",
    "directives": "%TAG !a! b\n" * 180_000,
    "documents": "--- a\n" * 300_000,
    "quotes": "'" * 1_999_999,
    "escapes": '"' + "\\x1b" * 499_000 + '"',
    "long key": "a" * 1_999_000 + ": 1",
    "comments": "#\n" * 999_999,
}


@pytest.mark.parametrize("name", BOMBS)
def test_no_text_takes_long_or_much_memory(name: str, tmp_path: Path) -> None:
    (tmp_path / "bomb.yaml").write_text(BOMBS[name])
    program = """
        import resource, sys
        from pathlib import Path
        from covidcxr.core import strict_yaml
        from covidcxr.core.errors import Problem
        before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
        try:
            strict_yaml.read(Path("bomb.yaml"))
        except Problem as problem:
            assert len(str(problem)) < 300, problem
        seconds = resource.getrusage(resource.RUSAGE_SELF).ru_utime - before
        # The peak that getrusage tells is that of the process that started this one, too.
        status = dict(line.split(":") for line in open("/proc/self/status").read().splitlines())
        print(seconds, status["VmHWM"].split()[0])
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (20, 20)),
    )
    assert done.returncode == 0, done.stderr
    seconds, kilobytes = map(float, done.stdout.split())
    assert seconds < 2
    assert kilobytes < 300_000


def test_without_libyaml_the_same_is_refused() -> None:
    program = f"""
        import sys
        sys.modules["yaml._yaml"] = None
        from covidcxr.core import strict_yaml
        from covidcxr.core.errors import Unusable
        assert "CParser" not in [base.__name__ for base in strict_yaml._Loader.__mro__]
        for text, said in {[item for item in STRICT if len(item[0]) < 100]!r}:
            try:
                strict_yaml.parse(text, "it is")
            except Unusable as error:
                assert said in str(error), (text, error)
            else:
                raise AssertionError(text)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr

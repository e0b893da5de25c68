"""Whatever a command is given ends in an answer or in one sentence, never in a traceback."""

import os
import random
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from covidcxr.cli import commands
from tests.cli.test_commands import alone, covidcxr

HOSTILE = [
    *("", " ", "-", "=", "./x", "\\0", "\x1b[31mred", "a\nb", "n" * 300, "n" * 5000),
    *(
        "{",
        "[",
        "!!bool x",
        "*a",
        "&a b",
        "<script>",
        "$(x)",
        "%s",
        "nan",
        "1e999",
        "-1",
        "9" * 400,
    ),
    *(
        "\u202e",
        "\udce9.png",
        "é",
        "title=!!bool x",
        "epochs=",
        "name=/",
        "cohort.path=" + "n" * 5000,
    ),
    *("demo", "config/demo.yaml", "README.md", "results", "--json", "--csv", "--part", "--group"),
    *("--patient", "--delimiter", "--label", "--id", "--threshold", "--classes", "-p"),
    *("notebooks/reference/runs.ipynb", "-p=x=!!int ''", "results/small/audit"),
]
COMMANDS = ["audit", "metrics", "compare", "duplicates", "overlap", "claims", "study", "name",
            "cohort", "samples", "split", "page", "press", "doors"]  # fmt: skip


def _check(done_stderr: str, code: int, arguments: object) -> None:
    assert "Traceback" not in done_stderr, arguments
    assert "\x1b" not in done_stderr, arguments
    if code and done_stderr.startswith("covidcxr: "):
        assert done_stderr.count("\n") == 1, arguments
        assert len(done_stderr) < 6000, arguments


@pytest.mark.parametrize("command", COMMANDS)
def test_any_arguments_end_in_an_answer_or_a_sentence(
    command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    draw = random.Random(command)
    root = Path.cwd()
    monkeypatch.chdir(tmp_path)
    for name in ("config", "README.md", "notebooks", "results"):
        (tmp_path / name).symlink_to(root / name)
    for slow in ("pages.execute", "latex_pdf.write"):
        monkeypatch.setattr(f"covidcxr.book.{slow}", lambda *a, **k: None)
    for _ in range(25):
        arguments = draw.choices(HOSTILE, k=draw.randint(1, 4))
        if command in ("cohort", "samples"):  # the studies of config/ need no fuzz, but minutes
            arguments[0] = draw.choice([a for a in HOSTILE if "demo" not in a])
        done = covidcxr(command, *arguments)  # what is no Problem would be raised here
        _check(done.stderr, done.returncode, arguments)
        assert "\x1b" not in done.stdout, arguments


@pytest.mark.parametrize(
    "value",
    ["!!bool x", "!!int ''", "!!timestamp x", "!!float a", "!!null x", "!!binary x", "!!set {a}",
     "!!python/object:os.system x", "!x y", "&a b", "*a", "[&a 1, *a]"],
)  # fmt: skip
def test_tags_and_anchors_of_every_kind_are_refused(value: str) -> None:
    done = covidcxr("study", "demo", f"title={value}")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "not valid YAML" in done.stderr


@pytest.mark.parametrize("length", [300, 5000])
@pytest.mark.parametrize(
    "command", ["study", "name", "audit", "metrics", "duplicates", "cohort", "page"]
)
def test_names_that_are_too_long_are_one_sentence(command: str, length: int) -> None:
    rest = ["x"] if command in ("cohort", "page") else []
    done = covidcxr(command, "n" * length, *rest)
    assert done.returncode in (1, 2)
    assert done.stderr.startswith("covidcxr: nnnn")
    assert done.stderr.count("\n") == 1
    assert len(done.stderr) < 3000


@pytest.fixture
def nobody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Be a user whom permissions bind, until the test ends; root is bound by none."""
    if os.geteuid():
        yield
        return
    base = tmp_path_factory.getbasetemp()
    opened = [base, *base.parents][:3]
    modes = [place.stat().st_mode for place in opened]
    for place in opened:
        place.chmod(0o777)
    os.seteuid(65534)
    yield
    os.seteuid(0)
    for place, mode in zip(opened, modes, strict=True):
        place.chmod(mode & 0o777)


@pytest.fixture
def data(tmp_path: Path, nobody: None) -> Iterator[Path]:
    """Six different images below two class folders, some in a subfolder that is closed."""
    user, root = os.geteuid(), os.getuid()
    os.seteuid(root)
    tmp_path.chmod(0o777)
    os.seteuid(user)
    rng = np.random.default_rng(0)
    for name in ("COVID19", "COVID19/shut", "NORMAL"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for k in range(2):
            picture = Image.fromarray(rng.integers(0, 256, (40, 40), dtype=np.uint8))
            picture.save(tmp_path / "data" / name / f"{name[:2]}{k}.png")
    yield tmp_path / "data"
    (tmp_path / "data/COVID19/shut").chmod(0o755)


@pytest.mark.parametrize("mode", [0o000, 0o444, 0o111], ids=["shut", "no entry", "no listing"])
def test_a_folder_that_is_closed_is_refused_by_cohort_and_left_out_by_duplicates(
    data: Path, mode: int
) -> None:
    (data / "COVID19/shut").chmod(mode)
    study = data.parent / "s.yaml"
    study.write_text(f"title: x\ncohort: {{source: folder, path: {data}}}\nimage_size: 32\n")
    done = covidcxr("cohort", str(study), str(data.parent / "out"))
    assert done.returncode == 1
    assert f"{data}/COVID19/shut: cannot be listed (Permission denied)" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (data.parent / "out").exists()

    scan = covidcxr("duplicates", str(data))
    assert scan.returncode == 0, scan.stderr
    assert "among 4 images" in scan.stdout
    assert f"{data}/COVID19/shut for one" in scan.stdout


def test_escape_sequences_and_other_bytes_of_names_never_reach_a_terminal_raw(
    tmp_path: Path,
) -> None:
    place = tmp_path / "a\x1b[31mb\nc"
    place.mkdir()
    picture = Image.new("L", (40, 40), 7)
    for name in ("one.png", "two.png", "three\x1b[2J.png", os.fsdecode(b"pi\xe9.png")):
        picture.save(place / name)
    (place / "broken\x1b.png").write_bytes(b"\x89PNG")
    for options in ([], ["--csv"], ["--json"]):
        done = alone("duplicates", os.fspath(place), *options)
        assert done.returncode == 0, done.stderr
        assert "\x1b" not in done.stdout + done.stderr
        assert "one.png" in done.stdout
    done = alone("duplicates", os.fspath(place / "pi\udce9.png"))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_warnings_of_other_packages_are_one_printable_line() -> None:
    code = (
        "import sys, warnings; sys.argv = ['covidcxr', 'name', 'demo'];"
        "from covidcxr.cli import commands, study_commands as own;"
        "load = own.studies.load; warning = 'x\\x1b[1m\\ny' * 5000;"
        "own.studies.load = lambda *a: (warnings.warn(warning), load(*a))[1];"
        "commands.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "demo\n"
    assert done.stderr.count("\n") == 1
    assert "\\x1b" in done.stderr
    assert "\x1b" not in done.stderr
    assert len(done.stderr) < 2100


def test_a_bomb_is_one_sentence_without_a_warning_of_the_reader(tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "bomb.png")
    content = bytearray((tmp_path / "bomb.png").read_bytes())
    content[16:24] = (9_500).to_bytes(4, "big") * 2  # 90 million pixels: PIL only warns
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    (tmp_path / "bomb.png").write_bytes(content)
    done = alone("duplicates", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "more than 80,000,000 pixels" in done.stderr


def test_commands_are_all_fuzzed() -> None:
    assert set(commands.MODULES) - set(COMMANDS) == {"prose", "doctor", "gallery"}

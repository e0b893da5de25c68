"""What an auditor is given: every mistake is one sentence with its place, edge cases work."""

import json
import resource
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from covidcxr.cli.commands import app
from covidcxr.core.errors import Problem, Unusable
from covidcxr.paper import audit
from covidcxr.paper.audit import names
from tests.paper import malformed
from tests.paper.malformed import GONE

GOOD: dict[str, Any] = {
    "title": "Some paper",
    "test_set": {"positive": 92, "negative": 268},
    "prevalences": ["1%", "0.5"],
    "tables": [
        {
            "name": "ResNet50",
            "matrix": [[70, 22], [60, 208]],
            "rows": "predicted",
            "first": "positive",
            "reported": {"accuracy": ["77.22%", "0.77"], "precision": "76.09%"},
        },
        {"name": "ResNet152V2", "reported": {"f1": "0.68"}},
    ],
}

changed = partial(malformed.changed, GOOD)


def words(content: Any) -> tuple[dict[str, Any], str]:
    """Audit a report, and say it both ways, which must not fail."""
    found = audit.audit(audit.parse(content, "paper.yaml"))
    json.dumps(found, allow_nan=False)
    audit.as_text(found)
    return found, audit.as_text(found, full=True)


def one_table(matrix: list[list[int]], **keys: Any) -> dict[str, Any]:
    table = {"name": "model", "matrix": matrix, "rows": "true", **keys}
    return {"title": "Some paper", "tables": [table]}


# --- malformed input


def test_the_good_report_is_good() -> None:
    found, _ = words(GOOD)
    assert [t["name"] for t in found["tables"]] == ["ResNet50", "ResNet152V2"]


T, M, R = "tables/0", "tables/0/matrix", "tables/0/reported"


@pytest.mark.parametrize(
    ("path", "value", "place", "said"),
    [
        (M, [[-1, 22], [60, 208]], "matrix, row 1, column 1", "negative"),
        (M, [[70, 22], [60]], "matrix", "two rows of two"),
        (M, [[70, 22, 1], [60, 208, 1], [1, 2, 3]], "matrix", "two rows of two"),
        (M, [[70, 22], [60, 208, 1]], "matrix", "two rows of two"),
        (M, [70, 22, 60, 208], "matrix", "two rows of two"),
        (M, {"tp": 70}, "matrix", "two rows of two"),
        (M, "70 22 60 208", "matrix", "two rows of two"),
        (M, [["70", 22], [60, 208]], "matrix, row 1, column 1", "no whole number"),
        (M, [[70, True], [60, 208]], "matrix, row 1, column 2", "no whole number"),
        (M, [[70, 22], [60.0, 208]], "matrix, row 2, column 1", "no whole number"),
        (M, [[70, 22], [60, float("nan")]], "matrix, row 2, column 2", "no whole number"),
        (M, [[70, 22], [None, 208]], "matrix, row 2, column 1", "no whole number"),
        (M, [[70, 22], [60, 10**20]], "matrix, row 2, column 2", "more images than there are"),
        (M, [[0, 0], [0, 0]], "item 1", "no image"),
        (f"{R}/accuracies", "77%", "reported, accuracies", "unknown score"),
        (f"{R}/accuracy", "177.22%", "reported, accuracy", "above 100%"),
        (f"{R}/accuracy", "1.22", "reported, accuracy", "above 1"),
        (f"{R}/accuracy", "722", "reported, accuracy", "above 1"),
        (f"{R}/accuracy", "-0.5", "reported, accuracy", "below"),
        (f"{R}/mcc", "-1.5", "reported, mcc", "below"),
        (f"{R}/mcc", "1.5", "reported, mcc", "above 1"),
        (f"{R}/lr_positive", "-2", "reported, lr_positive", "below"),
        (f"{R}/accuracy", 0.77, "reported, accuracy", "quotes"),
        (f"{R}/accuracy", 1, "reported, accuracy", "quotes"),
        (f"{R}/accuracy", True, "reported, accuracy", "quotes"),
        (f"{R}/accuracy", None, "reported, accuracy", "quotes"),
        (f"{R}/accuracy", {"value": "77%"}, "reported, accuracy", "quotes"),
        (f"{R}/accuracy", ["77.22%", 0.77], "reported, accuracy", "quotes"),
        (f"{R}/accuracy", [["77.22%"]], "reported, accuracy", "quotes"),
        (f"{R}/accuracy", [], "reported, accuracy", "no value"),
        (f"{R}/accuracy", "", "reported, accuracy", "no number"),
        (f"{R}/accuracy", "about 77%", "reported, accuracy", "no number"),
        (f"{R}/accuracy", "nan", "reported, accuracy", "no number"),
        (f"{R}/accuracy", "70 (76%)", "reported, accuracy", "no interval"),
        (f"{R}/accuracy", "1/" + "9" * 400, "reported, accuracy", "no number"),
        (f"{R}/accuracy", "5/0", "reported, accuracy", "divides by 0"),
        (f"{R}/accuracy", "0.9 1234567890123/2", "reported, accuracy", "is no number such as"),
        (f"{R}/accuracy", "0." + "7" * 5000, "reported, accuracy", "more than 15 digits"),
        (f"{R}/accuracy", "٧٧.٢٢%", "reported, accuracy", "no number"),
        (R, ["accuracy", "77%"], "reported", "lines such as"),
        (R, [], "reported", "lines such as"),
        (R, "77%", "reported", "lines such as"),
        (f"{T}/rows", GONE, "item 1", "'rows' is missing"),
        (f"{T}/rows", None, "rows", "predicted nor true"),
        (f"{T}/rows", "columns", "rows", "predicted nor true"),
        (f"{T}/rows", ["true"], "rows", "predicted nor true"),
        (f"{T}/rows", False, "rows", "predicted nor true"),
        (f"{T}/first", "covid", "first", "positive nor negative"),
        (f"{T}/first", None, "first", "positive nor negative"),
        (f"{T}/name", GONE, "item 1", "'name' is missing"),
        (f"{T}/name", None, "item 1", "'name' is missing"),
        (f"{T}/name", 50, "item 1", "name"),
        (f"{T}/name", ["ResNet50"], "item 1", "name"),
        (f"{T}/matrices", [], "item 1", "'matrices' is unknown"),
        ("tables/1/name", "ResNet50", "tables", "two are named 'ResNet50'"),
        ("tables/1/reported", GONE, "item 2 (ResNet152V2)", "neither a matrix"),
        ("tables/1", "ResNet152V2", "item 2", "key: value"),
        ("tables/1", None, "item 2", "key: value"),
        ("tables", GONE, "paper.yaml", "'tables' is missing"),
        ("tables", None, "paper.yaml", "'tables' is missing"),
        ("tables", [], "tables", "at least one"),
        ("tables", {"name": "ResNet50"}, "tables", "at least one"),
        ("title", GONE, "paper.yaml", "'title' is missing"),
        ("title", None, "paper.yaml", "'title' is missing"),
        ("title", ["Some", "paper"], "title", "text"),
        ("year", 2023, "paper.yaml", "'year' is unknown"),
        ("test_set", [92, 268], "test_set", "key: value"),
        ("test_set/positive", 0, "test_set", "without images"),
        ("test_set/positive", -92, "test_set, positive", "negative"),
        ("test_set/positive", "92", "test_set, positive", "no whole number"),
        ("test_set/positive", GONE, "test_set", "'positive' is missing"),
        ("test_set/total", 360, "test_set", "'total' is unknown"),
        ("test_set/positive", 10**20, "test_set, positive", "more images than there are"),
        ("prevalences", "1%", "prevalences", "list"),
        ("prevalences", {"low": "1%"}, "prevalences", "list"),
        ("prevalences", 0, "prevalences", "list"),
        ("prevalences", {}, "prevalences", "list"),
        ("prevalences", [0.01], "prevalences, item 1", "quotes"),
        ("prevalences", ["1%", "110%"], "prevalences, item 2", "above 100%"),
        ("prevalences", ["1%", "-1%"], "prevalences, item 2", "below"),
        ("prevalences", ["rare"], "prevalences, item 1", "no number"),
        ("prevalences", [None], "prevalences, item 1", "quotes"),
    ],
)
def test_a_mistake_is_one_sentence(path: str, value: Any, place: str, said: str) -> None:
    with pytest.raises(Problem) as raised:
        audit.parse(changed(path, value), "paper.yaml")
    sentence = str(raised.value)
    assert sentence.startswith("paper.yaml: ")
    assert place in sentence
    assert said in sentence
    assert "\n" not in sentence and sentence.endswith(".")


@pytest.mark.parametrize("content", [None, [], "text", 5, [{"title": "Some paper"}]])
def test_something_else_than_a_report(content: Any) -> None:
    with pytest.raises(Problem, match=r"paper.yaml: should hold 'key: value' lines"):
        audit.parse(content, "paper.yaml")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "key: value"),
        (b"title: [", "not valid YAML"),
        (b"title: a: b", "not valid YAML"),
        (b"\tx", "not valid YAML"),
        (b"a: &b [*b", "not valid YAML"),
        (b"? [a]\n: 1", "not valid YAML"),
        (b"title: 2020-13-45", "key 'tables' is missing"),
        (b"\x00\x01", "NUL"),
        (b"\xff\xfe\x80\x81\x82", "not"),
        (b"[" * 100_000, "not valid YAML"),
        (b"title: x\ntables: &t [*t]", "not valid YAML"),
    ],
)
def test_a_file_that_is_no_report(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "paper.yaml"
    path.write_bytes(content)
    with pytest.raises(Problem) as raised:
        audit.read(path)
    assert str(path) in str(raised.value)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.yaml", tmp_path):
        with pytest.raises(Problem, match="is no file") as raised:
            audit.read(path)
        # Both examples that the command knows are offered.
        assert str(path) in str(raised.value)
        assert "panwar" in str(raised.value) and "seedpaper" in str(raised.value)


# --- edge cases that work


def test_rows_need_no_quotes(tmp_path: Path) -> None:
    # YAML takes an unquoted true for a boolean.
    path = tmp_path / "paper.yaml"
    path.write_text("title: x\ntables:\n  - {name: model, matrix: [[7, 3], [4, 6]], rows: true}\n")
    assert audit.read(path).tables[0].rows == "true"


def test_a_score_by_two_names_is_kept_twice() -> None:
    found, _ = words(one_table([[7, 3], [4, 6]], reported={"recall": "70%", "sensitivity": "0.7"}))
    assert {r["verdict"] for r in found["tables"][0]["reported"].values()} == {"exact"}


@pytest.mark.parametrize(
    ("matrix", "undefined"),
    [
        ([[0, 0], [4, 6]], "sensitivity"),
        ([[4, 6], [0, 0]], "specificity"),
        ([[0, 4], [0, 6]], "ppv"),
        ([[4, 0], [6, 0]], "npv"),
        ([[1, 0], [0, 0]], "npv"),
    ],
)
def test_an_empty_margin_is_undefined_and_no_more(matrix: list[list[int]], undefined: str) -> None:
    prints = dict.fromkeys(["accuracy", "recall", "specificity", "ppv", "npv", "f1"], "0.50")
    prints |= dict.fromkeys(["mcc", "kappa", "auroc", "balanced_accuracy", "lr_positive"], "0.50")
    found, text = words(one_table(matrix, reported=prints))
    assert found["tables"][0]["scores"]["as_printed"][undefined] is None
    assert "undefined" in text
    said = [row["note"] for row in found["tables"][0]["reported"].values()]
    for bad in ("nan", "None", "inf"):
        assert bad not in text.lower().replace("information", "")
        assert not any(bad in note for note in said)


def test_a_perfect_classifier() -> None:
    prints = dict.fromkeys(["accuracy", "recall", "specificity", "ppv", "npv", "f1"], "100%")
    prints |= {"mcc": "1.00", "auroc": "1.000", "error_rate": "0%"}
    found, _ = words(one_table([[10, 0], [0, 20]], reported=prints))
    table = found["tables"][0]
    verdicts = {score: row["verdict"] for score, row in table["reported"].items()}
    assert set(verdicts.values()) == {"exact"}
    # Even for such a classifier the intervals have a width.
    assert table["intervals"]["as_printed"]["sensitivity"]["wilson"][0] < 0.9
    assert table["auroc"] == {"low": 1, "low_concave": 1, "high": 1}


def test_one_table_decides_nothing() -> None:
    found, text = words(one_table([[7, 3], [4, 6]]))
    assert found["orientation"] == "undecidable"
    assert found["tables"][0]["reported"] == {}
    assert found["tables"][0]["corroboration"] is None
    assert found["pairs"] == []
    # The size of the test set is neither stated nor decided.
    assert found["test_set"] is None
    assert "Pairs" not in text


def test_a_stated_test_set_is_kept_where_tables_contradict_it() -> None:
    content = one_table([[7, 3], [4, 6]]) | {"test_set": {"positive": 92, "negative": 268}}
    found, text = words(content)
    assert found["orientation"] == "undecidable"
    assert found["test_set"] == [92, 268]
    assert "Neither reading agrees" in " ".join(text.split())
    assert found["tables"][0]["test_set"] == [10, 10]


@pytest.mark.parametrize("score", sorted(names.NAMES))
def test_each_score_alone_can_be_reported(score: str) -> None:
    found, text = words(one_table([[7, 3], [4, 6]], reported={score: "0.65"}))
    assert found["tables"][0]["reported"][score]["printed"] == "0.65"
    assert f"{score} " in text
    words(
        {
            "title": "Some paper",
            "test_set": {"positive": 10, "negative": 10},
            "tables": [{"name": "model", "reported": {score: "0.65"}}],
        }
    )


@pytest.mark.parametrize(
    ("score", "text"),
    [
        ("accuracy", "65.00 %"),
        ("accuracy", "65.00\u00a0%"),
        ("accuracy", "65%"),
        ("accuracy", " 0.65 "),
        ("error_rate", "0.35"),
        ("recall", "70 %"),
        ("lr_positive", "1.75"),
    ],
)
def test_ways_to_print_a_number(score: str, text: str) -> None:
    found, _ = words(one_table([[7, 3], [4, 6]], reported={score: text}))
    assert found["tables"][0]["reported"][score]["verdict"] == "exact"


@pytest.mark.parametrize("text", ["−0.30", "-0.30", "−30.0 %"])
def test_a_negative_score(text: str) -> None:
    # sensitivity 0.3 and specificity 0.4: kappa is -0.3
    found, _ = words(one_table([[3, 7], [6, 4]], reported={"kappa": text}))
    assert found["tables"][0]["reported"]["kappa"]["verdict"] == "exact"


def test_a_title_and_a_name_beyond_ascii() -> None:
    content = one_table([[7, 3], [4, 6]]) | {"title": "Étude des poumons ✓"}
    content["tables"][0]["name"] = "réseau à 50 couches"
    assert "réseau à 50 couches" in words(content)[1]


def test_a_value_among_too_many_matrices_is_not_said_to_be_possible() -> None:
    content = {
        "title": "Some paper",
        "test_set": {"positive": 2000, "negative": 2000},
        "tables": [{"name": "model", "reported": {"f1": "0.68123"}}],
    }
    found, _ = words(content)
    row = found["tables"][0]["reported"]["f1"]
    assert row["verdict"] == "possible"
    # Not all of them were tried, so nothing may be claimed of them.
    assert row["note"] == "Nothing speaks against it by itself."


def test_large_counts_take_no_longer(tmp_path: Path) -> None:
    # In a process of its own, so that a search without end cannot hold up the others.
    path = tmp_path / "large.yaml"
    million = 10**6
    tables = [
        {
            "name": str(name),
            "matrix": [[a * million, (10 - a) * million], [2 * million, 8 * million]],
            "rows": "true",
            "reported": {"accuracy": "85%", "f1": "0.857", "auroc": "0.9"},
        }
        for name, a in (("one", 9), ("other", 8))
    ]
    path.write_text(yaml.safe_dump({"title": "Large", "tables": tables}))
    command = [sys.executable, "-m", "covidcxr", "audit", str(path), "--json"]
    seconds = 15  # of processor time, whatever else the machine does
    done = subprocess.run(
        command, capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds)),
    )  # fmt: skip
    assert done.returncode == 0, "an audit of 20 million images does not end"
    assert json.loads(done.stdout)["tables"][0]["reported"]["accuracy"]["verdict"] == "exact"


# --- the command line


def test_a_mistake_leaves_with_status_2(tmp_path: Path) -> None:
    path = tmp_path / "paper.yaml"
    path.write_text(yaml.safe_dump(changed(M, [[-1, 22], [60, 208]])))
    command = [sys.executable, "-m", "covidcxr", "audit", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"covidcxr: {path}: tables, item 1 (ResNet50), matrix, row 1")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("given", ["nothing.yaml", "folder", "binary", "empty", "torn"])
def test_a_file_of_another_kind_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("binary").write_bytes(bytes(range(256)))
    Path("empty").touch()
    Path("torn").write_text("tables: [")
    for more in ([], ["--json"]):
        done = CliRunner().invoke(app, ["audit", given, *more])
        assert isinstance(done.exception, Unusable)
        assert done.exception.status == 2
        assert str(done.exception).startswith(given)
        assert done.stdout == ""


def test_help_shows_the_format() -> None:
    done = CliRunner().invoke(app, ["audit", "--help"])
    assert done.exit_code == 0
    for line in (
        "  title: Some paper",
        "test_set: {positive: 92, negative: 268}",
        "    - name: ResNet50",
        "      matrix: [[70, 22], [60, 208]]",
        "      rows: predicted",
        '      reported: {accuracy: "77.22%", precision: "76.09%", npv: "0.78"}',
        "first: negative",
        "seedpaper, panwar",
        "--json",
    ):
        assert line in done.stdout


def test_the_format_that_help_shows_can_be_audited(tmp_path: Path) -> None:
    shown = CliRunner().invoke(app, ["audit", "--help"]).stdout.splitlines()
    first = next(i for i, line in enumerate(shown) if line.strip() == "title: Some paper")
    last = next(i for i, line in enumerate(shown) if line.strip().startswith("reported:"))
    path = tmp_path / "paper.yaml"
    path.write_text("\n".join(line[4:] for line in shown[first : last + 1]))
    done = CliRunner().invoke(app, ["audit", str(path)])
    assert done.exit_code == 0
    assert "Orientation: transposed." in done.stdout


@pytest.mark.parametrize("name", ["seedpaper", "panwar"])
def test_the_examples(name: str) -> None:
    spoken = CliRunner().invoke(app, ["audit", name])
    assert spoken.exit_code == 0
    assert spoken.stdout.endswith("\n") and not spoken.stdout.endswith("\n\n")
    counted = CliRunner().invoke(app, ["audit", name, "--json"])
    found = json.loads(counted.stdout)
    assert spoken.stdout == audit.as_text(found)


def test_a_file_of_ones_own_comes_before_an_example(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("seedpaper", "panwar"):
        Path(name).write_text(yaml.safe_dump(GOOD))
        assert CliRunner().invoke(app, ["audit", name]).stdout.startswith("Some paper\n")


def test_a_folder_of_papers_has_a_line_each(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yml"):
        (tmp_path / name).write_text(yaml.safe_dump(GOOD))
    (tmp_path / "notes.txt").write_text("no paper")
    done = CliRunner().invoke(app, ["audit", str(tmp_path)])
    assert done.exit_code == 0
    assert [line.split(": ")[0] for line in done.stdout.splitlines()] == ["a.yaml", "b.yml"]
    rows = CliRunner().invoke(app, ["audit", str(tmp_path), "--csv"]).stdout.splitlines()
    assert rows[0].startswith("file,title,orientation,tables,values,contradictory tables,exact,")
    assert [row.split(",")[:2] for row in rows[1:]] == [
        ["a.yaml", "Some paper"], ["b.yml", "Some paper"],
    ]  # fmt: skip
    assert list(json.loads(CliRunner().invoke(app, ["audit", str(tmp_path), "--json"]).stdout)) == [
        "a.yaml", "b.yml",
    ]  # fmt: skip


def test_a_folder_is_audited_in_full(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(yaml.safe_dump(GOOD))
    whole = CliRunner().invoke(app, ["audit", str(tmp_path / "a.yaml"), "--full"]).stdout
    assert CliRunner().invoke(app, ["audit", str(tmp_path), "--full"]).stdout == f"{whole}\n{whole}"


def test_a_malformed_paper_of_a_folder_is_named_and_the_rest_audited(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("title: [")
    (tmp_path / "b.yaml").write_text(yaml.safe_dump(GOOD))
    done = CliRunner().invoke(app, ["audit", str(tmp_path)])
    assert done.exit_code == 2
    assert done.stdout.startswith("b.yaml: ")
    assert "a.yaml" in done.stderr
    (tmp_path / "empty").mkdir()
    empty = CliRunner().invoke(app, ["audit", str(tmp_path / "empty")])
    assert isinstance(empty.exception, Unusable)

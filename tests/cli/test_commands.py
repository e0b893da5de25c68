"""The command line says what is wrong in one sentence and leaves with status 1 or 2."""

import contextlib
import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from covidcxr import __version__
from covidcxr.book import pages
from covidcxr.cli import commands
from covidcxr.scores import metrics


def covidcxr(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command in this process, which has imported what each new one would import again."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(sys, "argv", ["covidcxr", *arguments])
        try:
            commands.main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


def alone(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a shell does."""
    command = [sys.executable, "-m", "covidcxr", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_version_and_help() -> None:
    assert alone("--version").stdout.strip() == __version__
    for command in (
        "audit",
        "metrics",
        "compare",
        "claims",
        "study",
        "cohort",
        "split",
        "page",
        "name",
    ):
        assert command in covidcxr("--help").stdout


HEAVY = {"pandas", "pandera", "scipy.stats", "statsmodels", "sklearn", "mlscorecheck", "matplotlib",
         "keras", "tensorflow", "PIL", "jinja2", "jsonschema"}  # fmt: skip


@pytest.mark.parametrize("name", ["panwar", "two-studies"])
def test_an_audit_waits_for_no_module_that_it_does_not_need(name: str) -> None:
    code = (
        "import runpy, sys; sys.argv[1:] = ['audit', sys.argv[1]]\n"
        "try: runpy.run_module('covidcxr', run_name='__main__')\n"
        "except SystemExit: print(*sys.modules, file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, name]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert done.stdout and "covidcxr.paper.audit" in loaded
    assert not HEAVY & loaded
    rooms = {module.split(".")[1] for module in loaded if module.startswith("covidcxr.")}
    assert rooms == {"cli", "core", "paper", "scores"}


def test_every_command_is_a_function_of_its_name() -> None:
    listed = get_command(commands.app).commands  # type: ignore[attr-defined]
    assert [command.name for command in listed.values()] == list(commands.MODULES)
    assert "adit" not in listed


def test_a_misspelt_command_is_answered_with_the_right_one() -> None:
    assert "Did you mean 'audit'?" in alone("adit").stderr


def test_a_study_is_printed_with_every_default() -> None:
    printed = yaml.safe_load(covidcxr("study", "demo", "epochs=2").stdout)
    assert printed["epochs"] == 2
    assert printed["name"] == "demo+epochs=2"
    assert printed["threshold"] == 0.5


RUNS = "notebooks/reference/runs.ipynb"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["study", "nothing"], "nothing: no such study"),
        (["study", "demo", "epoch=2"], "key 'epoch' is unknown"),
        (["page", RUNS, "x.ipynb", "-p", "results"], "written name=value"),
        (["page", RUNS, "x.ipynb", "-r", "results"], "written name=value"),
        (["page", "nothing.ipynb", "x.ipynb"], "nothing.ipynb: no such notebook"),
        (["split", "demo", "m.csv", "sideways", "0", "s.csv"], "m.csv"),
    ],
)
def test_a_mistake_is_one_sentence(arguments: list[str], said: str) -> None:
    done = alone(*arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("covidcxr: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_yaml_that_is_refused_ends_with_status_2() -> None:
    done = alone("page", RUNS, "x.ipynb", "-p", "results={")
    assert done.returncode == 2
    assert done.stderr.startswith("covidcxr: -p results={: the value is not valid YAML: line 1")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "text",
    ["hash #1", "col: on", "{braces}", "<b>x", "'", '"', "a\nb", "1e3", "null", "[", "", "="],
)
def test_a_parameter_may_be_text_as_it_is(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    executed: list[dict[str, object]] = []
    monkeypatch.setattr(pages, "execute", lambda *arguments: executed.append(arguments[-1]))
    covidcxr("page", RUNS, "x.ipynb", "-r", f"results={text}", "-p", "seed=1")
    assert executed == [{"results": text, "seed": 1}]


def test_cohort_and_split_by_hand(tmp_path: Path) -> None:
    study = tmp_path / "small.yaml"
    study.write_text(
        "title: small\ncohort: {source: phantom, covid19: 10, normal: 10, exact_duplicates: 0,\n"
        "  near_duplicates: 0, image_size: 32}\nimage_size: 32\nweights: none\n"
    )
    assert covidcxr("cohort", str(study), str(tmp_path / "c")).returncode == 0
    manifest = tmp_path / "c/manifest.csv"
    split = tmp_path / "split.csv"
    assert covidcxr("split", str(study), str(manifest), "grouped", "1", str(split)).returncode == 0
    assert split.read_text().startswith("image_id,label,group_id,part\n")


def test_the_ledger_is_printed_as_csv_and_json() -> None:
    listed = covidcxr("claims", "--json")
    assert listed.returncode == 0, listed.stderr
    ids = [row["id"] for row in json.loads(listed.stdout)]
    header, *lines = covidcxr("claims", "--csv").stdout.splitlines()
    assert header.startswith("id,place,kind,claim,verdict")
    assert [line.split(",")[0] for line in lines] == ids


def test_a_ledger_without_its_record_is_one_sentence(tmp_path: Path) -> None:
    done = covidcxr("claims", "--results", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "COVIDCXR_DATA" in done.stderr


# --- metrics and compare


HEADER = "image_id,patient,part,label,score\n"
ROWS = (
    "a,1,test,COVID19,0.9\nb,1,test,COVID19,0.6\nc,2,test,NORMAL,0.7\n"
    "d,3,test,NORMAL,0.2\ne,3,train,NORMAL,0.99\n"
)


def predictions(folder: Path, text: str, name: str = "predictions.csv") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def test_metrics_are_printed_and_given_as_json(tmp_path: Path) -> None:
    path = predictions(tmp_path, HEADER + ROWS)
    done = covidcxr("metrics", path, "--resamples", "200", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert list(found) == [*metrics.SCORES, *metrics.PROBABILITY_SCORES]
    assert found["accuracy"]["value"] == 0.75
    assert found["accuracy"]["method"] == "Wilson"
    assert found["accuracy"]["n"] == 4
    assert found["auroc"]["value"] == 0.75
    assert {"value", "low", "high", "method"} <= set(found["f1"])
    assert (found["f1"]["resamples"], found["f1"]["seed"], found["f1"]["unit"]) == (200, 0, "image")
    text = covidcxr("metrics", path, "--group", "patient", "--resamples", "200").stdout
    assert "4 images in 3 groups (patient), 2 positive and 2 negative" in text
    assert "Traceback" not in text


def test_two_models_are_compared(tmp_path: Path) -> None:
    one = predictions(tmp_path, HEADER + ROWS)
    lines = (HEADER + ROWS.replace("0.7", "0.3")).splitlines()
    other = predictions(tmp_path, "\n".join([lines[0], *lines[:0:-1]]) + "\n", "other.csv")
    done = covidcxr("compare", one, other, "--resamples", "200", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {k: found["mcnemar"][k] for k in ("b", "c", "p")} == {"b": 0, "c": 1, "p": 1.0}
    assert found["differences"]["accuracy"]["value"] == -0.25
    assert found["differences"]["auroc"]["value"] == -0.25
    assert "exact McNemar p = 1.000" in covidcxr("compare", one, other, "--resamples", "200").stdout


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (HEADER + ROWS.replace("0.6", "1.6"), "row 3: score '1.6' is not a number from 0 to 1"),
        (HEADER + ROWS.replace("0.6", "nan"), "row 3: score 'nan' is not a number from 0 to 1"),
        (HEADER + ROWS.replace("b,1", "a,1"), "row 3: image_id 'a' stands twice"),
        (HEADER.replace("score", "p") + ROWS, "column 'score' is missing"),
        (HEADER + ROWS.replace("d,3,test,NORMAL", "d,3,test,FLU"), "row 5: label 'FLU' is a third"),
        (HEADER + ROWS.replace("test", "training"), "no row is of part 'test'"),
    ],
)
def test_bad_predictions_end_with_one_sentence_and_status_2(
    tmp_path: Path, text: str, complaint: str
) -> None:
    path = predictions(tmp_path, text)
    done = covidcxr("metrics", path)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not done.stdout
    good = predictions(tmp_path, HEADER + ROWS, "good.csv")
    assert covidcxr("compare", good, path).returncode == 2


def test_predictions_of_other_images_are_not_compared(tmp_path: Path) -> None:
    one = predictions(tmp_path, HEADER + ROWS)
    other = predictions(tmp_path, HEADER + ROWS.replace("d,3", "z,3"), "other.csv")
    done = covidcxr("compare", one, other)
    assert done.returncode == 2
    assert "image 'd' of" in done.stderr
    assert "is missing" in done.stderr


def test_a_threshold_by_rule_is_named_with_its_price(tmp_path: Path) -> None:
    path = predictions(tmp_path, HEADER + ROWS)
    done = covidcxr("metrics", path, "--threshold", "sensitivity=1", "--no-bootstrap", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["threshold"]["rule"], found["sensitivity"]["value"]) == ("sensitivity=1", 1)
    assert "optimistic" in found["threshold"]["reason"]
    by_hand = covidcxr("metrics", path, "--threshold", str(found["threshold"]["value"]), "--json")
    assert json.loads(by_hand.stdout)["specificity"] == found["specificity"]
    # Each model has its own.
    cells = [row.rpartition(",") for row in ROWS.splitlines()]
    halved = HEADER + "".join(f"{start},{float(score) / 2}\n" for start, _, score in cells)
    other = predictions(tmp_path, halved, "other.csv")
    done = covidcxr("compare", path, other, "--threshold", "youden", "--resamples", "100", "--json")
    found = json.loads(done.stdout)
    assert found["threshold"]["second"] == found["threshold"]["first"] / 2
    assert found["differences"]["accuracy"]["value"] == 0
    text = covidcxr("compare", path, other, "--threshold", "youden", "--no-bootstrap").stdout
    assert "(A) and" in text
    assert "by the rule youden" in text
    assert "optimistic" in text
    done = covidcxr("metrics", path, "--threshold", "1.2")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)


def test_without_the_bootstrap_what_needs_it_says_so(tmp_path: Path) -> None:
    path = predictions(tmp_path, HEADER + ROWS)
    found = json.loads(covidcxr("metrics", path, "--no-bootstrap", "--json").stdout)
    assert found["f1"]["low"] is None
    assert "switched off" in found["f1"]["reason"]
    drawn = json.loads(covidcxr("metrics", path, "--resamples", "100", "--json").stdout)
    assert found["sensitivity"] == drawn["sensitivity"]
    assert found["f1"]["value"] == drawn["f1"]["value"]
    done = covidcxr("compare", path, path, "--no-bootstrap", "--json")
    differences = json.loads(done.stdout)["differences"]
    assert "switched off" in differences["accuracy"]["reason"]


def test_csv_has_a_row_a_score(tmp_path: Path) -> None:
    path = predictions(tmp_path, HEADER + ROWS)
    options = ("--resamples", "100", "--threshold", "youden")
    rows = list(csv.DictReader(covidcxr("metrics", path, *options, "--csv").stdout.splitlines()))
    found = json.loads(covidcxr("metrics", path, *options, "--json").stdout)
    assert list(rows[0]) == ["score", "value", "low", "high", "method", "n", "unit", "reason"]
    assert [row["score"] for row in rows] == list(found)
    for row in rows:
        low = found[row["score"]].get("low")
        assert float(row["value"]) == found[row["score"]]["value"]
        assert row["low"] == ("" if low is None else repr(low))
    rows = list(
        csv.DictReader(covidcxr("compare", path, path, *options, "--csv").stdout.splitlines())
    )
    assert [row["score"] for row in rows][:3] == ["threshold first", "threshold second", "accuracy"]
    done = covidcxr("metrics", path, "--csv", "--json")
    assert done.returncode == 2
    assert "exclude each other" in done.stderr


def test_different_test_sets_are_compared_unpaired(tmp_path: Path) -> None:
    one = predictions(tmp_path, HEADER + ROWS)
    renamed = "".join(f"z{row}\n" for row in ROWS.splitlines())
    other = predictions(tmp_path, HEADER + renamed, "other.csv")
    done = covidcxr("compare", one, other)
    assert done.returncode == 2
    assert "--unpaired" in done.stderr
    options = ("--unpaired", "--resamples", "100")
    found = json.loads(covidcxr("compare", one, other, *options, "--json").stdout)
    assert found["design"] == "unpaired"
    assert found["differences"]["auroc"]["value"] == found["delong"]["difference"] == 0
    text = covidcxr("compare", one, other, *options).stdout
    assert "Unpaired: two test sets" in text
    assert "Fisher's exact test: accuracy p = 1.000" in text
    done = covidcxr("compare", one, one, *options)
    assert done.returncode == 2
    assert "leave --unpaired out" in done.stderr


def test_several_classes_are_scored(tmp_path: Path) -> None:
    rows = "a,FLU,0.6,0.3,0.1\nb,TB,0.2,0.7,0.1\nc,NONE,0.3,0.3,0.4\nd,FLU,0.2,0.6,0.2\n"
    path = predictions(tmp_path, "image_id,label,FLU,TB,NONE\n" + rows)
    options = ("--classes", "FLU,TB,NONE", "--resamples", "100")
    scores = json.loads(covidcxr("metrics", path, *options, "--json").stdout)
    assert scores["overall"]["accuracy"]["value"] == 0.75
    assert list(scores["classes"]) == ["FLU", "TB", "NONE"]
    assert scores["classes"]["FLU"]["sensitivity"]["value"] == 0.5
    text = covidcxr("metrics", path, *options).stdout
    assert "TB against the rest" in text
    assert "macro AUROC" in text
    first, *_ = csv.DictReader(covidcxr("metrics", path, *options, "--csv").stdout.splitlines())
    assert (first["score"], first["value"]) == ("accuracy", "0.75")
    done = covidcxr("metrics", path, *options, "--threshold", "youden")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)

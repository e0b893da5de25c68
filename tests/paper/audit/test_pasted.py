"""Tables as papers print them: equal to the same in YAML; every mistake names row and column."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from covidcxr.cli.commands import app
from covidcxr.core.errors import Unusable
from covidcxr.paper import audit
from covidcxr.paper.audit import pasted

SCORES = [
    {"name": "A", "reported": {"accuracy": "77.22%", "sensitivity": "0.5385", "auroc": "0.9"}},
    {"name": "B", "reported": {"accuracy": "80.6%", "sensitivity": "0.59 (0.5-0.7)"}},
]
COUNTS = [{"name": "A", "counts": {"TP": 70, "FN": 22, "FP": 60, "TN": 1208},
           "reported": {"f1": "63.1%"}}]  # fmt: skip

CSV = 'Model,Acc. (%),Recall,AUC\nA,77.22,0.5385,0.9\n\n"B",80.6%,0.59 (0.5-0.7),-\n'
SEMICOLONS = "Model;Acc [%];Recall;AUC\nA;77.22;0.5385;0.9\nB;80.6;0.59 (0.5-0.7);\n"
TABS = CSV.replace(",", "\t")
MARKDOWN = (
    "Table 2. Results\n\n| Model | Accuracy in % | *Sens* | AUC |\n|:--|--:|---|:-:|\n"
    "| A | 77.22 | 0.5385 | 0.9 |\n| **B** | 80.6\\% | 0.59 (0.5-0.7) | n/a |\n\nText | after.\n"
)
BARE = "Model|Acc (%)|TPR|AUC\n-|-|-|-\nA|77.22|0.5385|0.9\nB|80.6|0.59 (0.5-0.7)|—"


def paper(tables: list[dict[str, Any]], **more: Any) -> audit.Paper:
    return audit.parse({"title": "table", "tables": tables} | more, "table")


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("table.csv", CSV),
        ("table.csv", SEMICOLONS),
        ("table.tsv", TABS),
        ("table.md", MARKDOWN),
        ("table.MD", BARE),
    ],
)
def test_a_table_is_what_its_yaml_is(tmp_path: Path, name: str, text: str) -> None:
    path = written(tmp_path, name, text)
    assert pasted.read(path) == paper(SCORES)
    sized = paper(SCORES, test_set={"positive": 92, "negative": 268})
    assert pasted.read(path, test_set="92 + 268") == sized


def test_columns_are_named_by_hand(tmp_path: Path) -> None:
    path = written(tmp_path, "table.csv", "who,x (%),y,z,why\nA,77.22,0.5385,0.9,1\n")
    named = ["name", "acc", "sens", "auc", "-"]
    read = pasted.read(path, named).tables[0]
    assert list(read.reported) == ["accuracy", "sensitivity", "auroc"]
    assert read == paper(SCORES).tables[0]


def test_counts_make_a_matrix(tmp_path: Path) -> None:
    text = 'Model,TN,fp,FN,TP,F1 (%)\nA,"1,208",60,22,70,63.1\n'
    assert pasted.read(written(tmp_path, "table.csv", text)) == paper(COUNTS)


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("Model,Acc\nA,about 9\n", {}, "t.csv, row 2, column 'Acc': 'about 9' is no number"),
        ("Model,Acc\nA,0.9\nB,1.5\n", {}, "t.csv, row 3, column 'Acc': '1.5' is above 1"),
        ("Model,Acc,Note\nA,0.9,x\n", {}, "t.csv, column 3 ('Note'): is no score"),
        ("Model,Acc\nA,0.9\nA,0.8\n", {}, "t.csv, row 3: 'A' stands in row 2, too"),
        ("Model,Acc\n,0.9\n", {}, "t.csv, row 2: names no model"),
        ("Model,Acc\nA,\n", {}, "t.csv, row 2 (A): holds no score"),
        ("Model,Acc\nA,0.9,1\n", {}, "t.csv, row 2: has 3 cells where the header has 2"),
        ("Model,Acc,Accuracy\nA,0.9,1\n", {}, "t.csv, column 3 ('Accuracy'): a second column"),
        ("Acc,Sens\n0.9,1\n", {}, "t.csv: no column holds the models' names"),
        ("Model,TP,FN,FP\nA,1,2,3\n", {}, "t.csv: column TN is missing"),
        ("Model,TP,FN,FP,TN\nA,1,2,3,x\n", {}, "t.csv, row 2, column 'TN': 'x' is no count"),
        ("Model,TP,FN,FP,TN\nA,1,2,3,\n", {}, "t.csv, row 2: has 'TP', 'FN', 'FP' alone"),
        ("Model,Acc\nA,0.9\n", {"columns": ["name"]}, "t.csv: --columns names 1 column where"),
        ("Model,Acc\nA,0.9\n", {"columns": ["name", "x"]}, "t.csv, column 2 ('x'): is no score"),
        ("Model,Acc\nA,0.9\n", {"test_set": "92"}, "--test-set 92: should be"),
        ("Model,Acc\nA,0.9\n", {"test_set": "9+0"}, "t.csv: test_set: has a class without images"),
        ("", {}, "t.csv: is empty"),
        ("Model,Acc\n", {}, "t.csv: tables: should be a list of at least one"),
    ],
)
def test_a_mistake_names_row_and_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, options: dict[str, Any], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Unusable) as raised:
        pasted.read(written(Path(), "t.csv", text), **options)
    assert str(raised.value).startswith(said)
    assert str(raised.value).endswith(".") and "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no table", "t.md: holds 0 tables"),
        (MARKDOWN + "\n" + MARKDOWN, "t.md: holds 2 tables"),
        ("|---|---|\n| A | 0.9 |", "t.md: holds 1 table with a rule"),
        ("|m|acc|\n|-|-|\n|A|0.9|0.8|", "t.md, row 3: has 3 cells where the header has 2"),
        ("|m|acc|\n|-|-|\n|A|<b>|", "t.md, row 3, column 'acc': '<b>' is no number"),
    ],
)
def test_a_mistake_in_markdown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Unusable) as raised:
        pasted.read(written(Path(), "t.md", text))
    assert str(raised.value).startswith(said)


def test_the_command(tmp_path: Path) -> None:
    path = str(written(tmp_path, "t.csv", "m,x,y\nA,77.22%,0.7609\n"))
    options = ["--columns", "name,accuracy,sens", "--test-set", "92+268"]
    done = CliRunner().invoke(app, ["audit", path, *options])
    assert done.exit_code == 0, done.exception
    assert "2 printed scores in 1 table" in done.stdout
    refused = CliRunner().invoke(app, ["audit", "panwar", *options])
    assert isinstance(refused.exception, Unusable)
    assert "are for tables, which end in .csv, .tsv, .md or .markdown" in str(refused.exception)
    missing = CliRunner().invoke(app, ["audit", str(tmp_path / "no.csv")])
    assert isinstance(missing.exception, Unusable)

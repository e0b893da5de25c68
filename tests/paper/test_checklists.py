"""Checklists are whole, every pointer leads somewhere, and what is planted is found.

The last part holds the study to what the lists say of its committed records.
"""

import ast
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args

import nbformat
import pytest
import yaml
from docutils.nodes import make_id

from covidcxr.core import records, studies
from covidcxr.core.errors import Problem
from covidcxr.figures import checklists as checklists_figures
from covidcxr.paper import checklists, publication
from covidcxr.paper.checklists import STATUSES, Name
from tests.conftest import ROOT

TESTED = ("2a", "2b", "2e", "3e", "5e", "6a", "6b", "7a", "7b")
"""Items of REFORMS whose answer must not rest on words alone."""

NAMES: tuple[Name, ...] = get_args(Name)

RECORD = "results/small/resnet50-keras-s0/record.json"
SETTINGS = (
    "image_size", "resize", "preprocessing", "weights", "trainable", "head", "dropout",
    "batch_norm_momentum", "epochs", "batch_size", "optimizer", "learning_rate",
)  # fmt: skip


PLACES = {"title", "abstract", *(f"section {one.number}" for one in publication.paper().sections)}
IDS = {
    # Eight modules, each with a letter an item.
    "REFORMS": [
        f"{module}{letter}"
        for module, letters in enumerate(
            ("abc", "abcde", "abcdefg", "abc", "abcdef", "abc", "abc", "ab"), 1
        )
        for letter in letters
    ],
    "CLAIM": [str(item) for item in range(1, 45)],
}
ITEMS = [(name, item) for name in NAMES for item in checklists.content(name)]


# --- the files


def test_both_lists_have_every_item_once_and_in_order() -> None:
    assert [len(checklists.content(name)) for name in NAMES] == [32, 44]
    for name in NAMES:
        assert [item.id for item in checklists.content(name)] == IDS[name]


@pytest.mark.parametrize(("name", "item"), ITEMS, ids=lambda one: getattr(one, "id", one))
def test_an_item_has_places_evidence_and_notes_where_its_statuses_need_them(
    name: Name, item: checklists.Item
) -> None:
    paper, study = item.paper, item.study
    assert item.requirement and paper.evidence
    assert set(paper.at) <= PLACES
    assert paper.at or paper.status not in ("reported", "partial"), "it stands at a place"
    assert study.evidence or study.status not in ("reported", "partial"), "it needs evidence"
    explained = study.status == "reported" and paper.status != "not_applicable"
    assert item.note or explained, "a note says what is missing, or why it does not apply"
    assert set(item.claim) <= set(IDS["CLAIM"])
    for quoted in re.findall(r"'([^']+)'", paper.evidence):
        assert len(quoted.split()) <= 10


def test_what_must_not_rest_on_words_has_a_test() -> None:
    items = {item.id: item for item in checklists.content("REFORMS")}
    assert [id for id in TESTED if items[id].check is None] == []


POINTERS = [pointer for _, item in ITEMS for pointer in item.pointers]


def test_every_pointer_leads_somewhere() -> None:
    assert checklists.page_values()["checklists_followed"] == len(POINTERS) > 100
    assert {pointer: fault(pointer) for pointer in POINTERS if fault(pointer)} == {}


def test_the_lists_correspond_both_ways() -> None:
    assert any(item.claim for item in checklists.content("REFORMS"))
    assert not any(item.claim for item in checklists.content("CLAIM"))


@pytest.mark.parametrize("name", NAMES)
def test_every_item_is_counted_once(name: Name) -> None:
    table = checklists.counts(name)
    assert list(table.columns) == list(STATUSES)
    assert (table.sum(axis=1) == len(IDS[name])).all()


# --- following evidence


def fault(pointer: str) -> str:
    """Return why a pointer leads nowhere, else nothing."""
    path, _, place = pointer.partition("#")
    file, _, name = path.partition("::")
    if name:
        return "" if name in names_of_tests(ROOT / file) else "no such test"
    if not checklists.is_page(pointer, ROOT):
        checklists.value(pointer, ROOT)  # raises where there is none
        return ""
    if path not in pages():
        return "neither a page of the book nor a file"
    return f"no '{place}' there" if place and place not in anchors(source(path)) else ""


def pages() -> set[str]:
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
    chapters = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    return {name.removeprefix("book/") for name in (toc["root"], *chapters)}


def source(page: str) -> Path:
    """Return the file that a page is made from; the single networks' pages share a template."""
    if not page.startswith("run/"):
        return ROOT / f"book/{page}.md"
    name = f"{Path(page).name.partition('_')[0]}.ipynb"
    return next((ROOT / "notebooks").rglob(name))


def anchors(page: Path) -> set[str]:
    """Return what can be linked to on a page: its headings, as Sphinx names them, and labels."""
    if page.suffix == ".ipynb":
        cells = nbformat.read(page, as_version=4).cells
        text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    else:
        text = page.read_text("utf-8")
    labels = re.findall(r"^\(([\w-]+)\)=$|^:name: ([\w-]+)$", text, re.M)
    # A comment in a block of code is no heading.
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M), re.M)
    return {a or b for a, b in labels} | {make_id(heading) for heading in headings}


def names_of_tests(path: Path) -> set[str]:
    if not path.is_file():
        return set()
    tree = ast.parse(path.read_text())
    names = {part.name for part in tree.body if isinstance(part, ast.FunctionDef)}
    return {name for name in names if name.startswith("test_")}


@pytest.mark.parametrize(
    ("pointer", "reason"),
    [
        ("run/leakage", ""),
        ("run/metrics#tables-1-to-3", ""),
        ("run/training#every-curve", ""),
        ("paper#fusion", ""),
        ("LICENSE", ""),
        ("tests/paper/test_checklists.py::test_every_pointer_leads_somewhere", ""),
        ("run/nowhere", "neither a page of the book nor a file"),
        ("src/covidcxr/nowhere.py", "neither a page of the book nor a file"),
        ("run/metrics#nowhere", "no 'nowhere' there"),
        ("tests/test_nowhere.py::test_it", "no such test"),
        ("tests/paper/test_checklists.py::test_that_is_gone", "no such test"),
        ("tests/paper/test_checklists.py::anchors", "no such test"),
    ],
)
def test_a_pointer_that_leads_nowhere_is_noticed(pointer: str, reason: str) -> None:
    assert fault(pointer) == reason


def test_a_heading_in_a_block_of_code_is_none(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A Title, 2nd\n(a-label)=\n## Do it?\n```bash\n# comment\n```\n")
    assert anchors(page) == {"a-title-2nd", "a-label", "do-it"}


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("parameters/model", "resnet50"),
        ("parameters/trainable", "yes"),
        ("parameters/cohort/images_per_class", "none"),
        ("images", None),
    ],
)
def test_a_json_pointer_finds_a_value(place: str, value: str | None) -> None:
    assert checklists.value(f"{RECORD}#/{place}", ROOT) == value


def test_keys_of_a_json_pointer_are_unescaped(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"x/y": [{"~": 0.123456}], "hash": "' + "0f" * 32 + '"}')
    assert checklists.value("a.json#/x~1y/0/~0", tmp_path) == "0.1235"
    assert checklists.value("a.json#/hash", tmp_path) == "0f0f0f0f0f0f…"


@pytest.mark.parametrize(
    ("pointer", "key"),
    [(f"{RECORD}#/parameters/nothing", "nothing"), (f"{RECORD}#/images/train/7", "7")],
)
def test_a_value_that_is_not_there_is_one_sentence(pointer: str, key: str) -> None:
    with pytest.raises(Problem, match=f"has no '{key}' there") as caught:
        checklists.value(pointer, ROOT)
    assert str(caught.value).startswith(pointer)


# --- on the page


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if attributes.get("id"):
            self.ids.append(str(attributes["id"]))
        if str(attributes.get("href", "")).startswith("#"):
            self.inside.append(str(attributes["href"])[1:])


def test_tables_show_every_item_and_link_to_each_other() -> None:
    shown = "".join(checklists_figures.as_html(name, ROOT).text for name in NAMES)
    links = Links()
    links.feed(shown)
    rows = [f"{name.lower()}-{id}" for name in NAMES for id in IDS[name]]
    assert [id for id in links.ids if not id.startswith("items-of-")] == rows
    assert set(links.inside) <= set(rows)
    assert 'href="leakage.html#image-level-against-grouped-splits"' in shown
    assert 'href="../paper.html#question"' in shown
    assert "not applicable" in shown
    assert "record.json#/parameters/epochs</code> = 14" in shown


def test_both_tables_are_searched_and_no_other_host_is_asked() -> None:
    script = checklists_figures.searchable().text
    for name in NAMES:
        assert f'"items-of-{name.lower()}": {{' in script
    assert not re.search(r'(src|href)="https?:', script)


def test_files_whose_values_are_shown_are_committed_records() -> None:
    assert RECORD in checklists.values()
    assert all((ROOT / path).is_file() for path in checklists.values())


# --- what the lists say of the committed records


def trainings() -> list[records.Record]:
    """Return the committed trainings of the study that the lists point to."""
    paths = sorted((ROOT / "results/small").glob("*-s[0-9]*/record.json"))
    assert len(paths) >= 5
    return [records.read(path.parent) for path in paths]


def test_trainings_of_a_study_saw_the_same_images_and_name_them() -> None:
    runs = trainings()
    assert len({run["fingerprints"]["data"] for run in runs}) == 1
    assert len({frozenset(run.table("predictions")["image_id"]) for run in runs}) == 1


def test_every_training_names_machine_software_and_cost() -> None:
    for run in trainings():
        assert {"processor", "cores", "memory_bytes"} <= set(run["hardware"])
        assert {"python", "keras", "numpy", run["backend"]["name"]} <= set(run["packages"])
        assert run["wall_seconds"] > 0
        assert run["peak_memory_bytes"] > 0


def test_the_readme_names_commands_that_there_are() -> None:
    named = set(re.findall(r"\bmake ([a-z]+)", (ROOT / "README.md").read_text()))
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    assert {"book", "test", "help"} <= named <= targets


def test_images_of_each_class_and_part_are_counted() -> None:
    for run in trainings():
        counts = {(p, k): n for p, each in run["images"].items() for k, n in each.items() if n}
        assert run.table("predictions").groupby(["part", "label"]).size().to_dict() == counts


def test_the_last_epoch_is_the_one_that_is_reported() -> None:
    for run in trainings():
        history = run.table("history")
        last = history[history["epoch"] == run["parameters"]["epochs"]].set_index("part")
        # The history's training part is scored in passing, while the weights still change.
        reported = run["metrics"]["test"]["accuracy"]
        assert last["accuracy"]["test"] == pytest.approx(reported, abs=1e-6)


def test_trainings_have_the_settings_of_their_study() -> None:
    study = studies.load(ROOT / "config/small.yaml")
    for run in trainings():
        for key in SETTINGS:
            assert run["parameters"][key] == getattr(study, key), f"{run.folder}: {key}"
        for key, among in (("model", study.models), ("split", study.splits), ("seed", study.seeds)):
            assert run["parameters"][key] in among


def test_no_image_is_in_two_parts() -> None:
    for run in trainings():
        table = run.table("predictions")
        assert set(table["part"]) == {"train", "test"}
        assert not table["image_id"].duplicated().any()


def test_a_grouped_training_shares_no_group() -> None:
    torn: dict[str, set[bool]] = {}
    for run in trainings():
        parts = run.table("predictions").groupby("group_id")["part"].nunique()
        torn.setdefault(run["parameters"]["split"], set()).add(bool((parts > 1).any()))
    assert torn == {"keras": {True}, "grouped": {False}}

"""A study is what its file says, or one sentence about what is wrong with it."""

import json
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from covidcxr.core import studies
from covidcxr.core.errors import Problem

quick = settings(max_examples=60, deadline=None)
SHIPPED = Path(__file__).parents[2] / "config"
TEXT = st.text(st.characters(codec="utf-8", max_codepoint=0xFFFF), max_size=300)
STUDY = "title: a study\ncohort:\n  source: phantom\n"


SHIPPED_STUDIES = ["demo", "paper", "paper-scratch", "small", "replicates", "sensitivity"]


def written(folder: Path, text: str) -> Path:
    """Write a study file."""
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def complaint(path: Path | str, overrides: str | list[str] = "") -> str:
    """Return the one sentence that loading ends with."""
    with pytest.raises(Problem) as caught:
        studies.load(path, overrides)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


# --- the shipped studies -----------------------------------------------------------------


@pytest.mark.parametrize("name", SHIPPED_STUDIES)
def test_every_shipped_study_loads_under_its_own_name(name: str) -> None:
    assert studies.load(SHIPPED / f"{name}.yaml").name == name


def test_every_shipped_study_is_tested_here() -> None:
    assert {path.stem for path in SHIPPED.glob("*.yaml")} == set(SHIPPED_STUDIES)


def test_a_bare_name_finds_the_study_in_config(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(SHIPPED.parent)
    assert studies.load("demo") == studies.load(SHIPPED / "demo.yaml")


def test_defaults_are_the_papers_protocol() -> None:
    paper = studies.load(SHIPPED / "paper.yaml")
    bare = studies.Study(
        name=paper.name, title=paper.title, cohort=studies.FolderCohort(source="folder")
    )
    # Which cohorts a user has beside the paper's is no part of the paper's protocol.
    assert bare == paper.model_copy(update={"external": {}})


def test_paper_writes_its_whole_protocol_out() -> None:
    content = yaml.safe_load((SHIPPED / "paper.yaml").read_text(encoding="utf-8"))
    # What is left out is how results are told, and what is no choice where it has a default.
    assert set(studies.Study.model_fields) - set(content) == {
        "name",
        "batch_norm_momentum",
        "bootstrap_resamples",
        "confidence",
        "explained_per_class",
        "precision",
    }


def apart(first: str, second: str) -> set[str]:
    one, other = (studies.load(SHIPPED / f"{name}.yaml").model_dump() for name in (first, second))
    return {key for key in one if one[key] != other[key]} - {"name", "title"}


def test_paper_scratch_is_the_paper_without_its_weights() -> None:
    assert apart("paper", "paper-scratch") == {"weights", "precision"}
    assert studies.load(SHIPPED / "paper-scratch.yaml").weights == "none"


def test_small_is_paper_scratch_made_small() -> None:
    assert apart("paper-scratch", "small") == {"precision", "image_size", "epochs", "splits"}


def test_published_images_are_a_choice_that_only_synthetic_ones_make() -> None:
    assert studies.load(SHIPPED / "demo.yaml").cohort.publish_images
    assert not studies.load(SHIPPED / "paper.yaml").cohort.publish_images
    kaggle = studies.load(SHIPPED / "paper.yaml", "cohort.source=kaggle")
    assert not kaggle.cohort.publish_images


# --- what a file may not hold ------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("epoch: 3", "'epoch' is unknown"),
        ("2: 3", "key '2' is no text"),
        ("epochs: 1.5", "'epochs' should be a valid integer, not 1.5"),
        ("epochs: true", "'epochs' should be a valid integer, not True"),
        ("epochs: '3'", "'epochs' should be a valid integer, not '3'"),
        ("trainable: 1", "'trainable' should be a valid boolean, not 1"),
        ("epochs: 0", "'epochs' should be greater than or equal to 1, not 0"),
        ("learning_rate: .inf", "'learning_rate' should be a finite number, not inf"),
        ("dropout: .nan", "'dropout' should be a finite number, not nan"),
        ("head: pooled", "'head' should be 'flatten' or 'gap', not 'pooled'"),
        ("seeds: [0, a]", "'seeds.1' should be a valid integer, not 'a'"),
        ("seeds: []", "'seeds' should name at least one"),
        ("seeds: [1, 1]", "'seeds' names something twice"),
        ("name: a/b", "'name' should match"),
        ("validation_fraction: 0.8", "test_fraction + validation_fraction"),
        ("epochs: 1\nepochs: 2", "'epochs' stands twice"),
        ("seeds: [2020-01-01]", "'seeds.0' should be a valid integer, not '2020-01-01'"),
        ("{{ placeholder }}: 1", "a key in brackets is no text; put it in quotes"),
        ("a:\n\tb: 1", "not valid YAML"),
        ("a: " + "[" * 5000, "not valid YAML"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, told: str) -> None:
    base = STUDY.replace("title: a study\n", "") if line.startswith("title") else STUDY
    path = written(tmp_path, f"{base}{line}\n")
    message = complaint(path)
    assert message.startswith(f"{path}: ")
    assert told in message


@pytest.mark.parametrize(
    ("cohort", "told"),
    [
        ("5", "'cohort' should hold 'key: value' lines, not 5"),
        ("{}", "'cohort.source' must be one of phantom, folder, kaggle"),
        ("{source: dicom}", "'cohort.source' must be one of phantom, folder, kaggle"),
        ("{source: phantom, severity: 2}", "'cohort.severity' should be less than or equal to 1"),
        ("{source: phantom, path: x}", "'cohort.path' is unknown"),
        ("{source: folder, covid19: 1}", "'cohort.covid19' is unknown"),
        ("{source: folder, folder: x}", "'cohort.folder' is unknown"),
        ("{source: kaggle, folder: 5}", "'cohort.folder' should be a valid string, not 5"),
        ("{source: phantom, covid19: 4, normal: 4}", "cohort.exact_duplicates"),
    ],
)
def test_a_wrong_cohort_is_named(tmp_path: Path, cohort: str, told: str) -> None:
    path = written(tmp_path, f"title: a study\ncohort: {cohort}\n")
    message = complaint(path)
    assert message.startswith(f"{path}: ")
    assert told in message


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    message = complaint(written(tmp_path, "{}"))
    assert "'title' is missing" in message
    assert "'cohort' is missing" in message


@pytest.mark.parametrize("text", ["", "- title\n", "a study\n"])
def test_a_file_without_keys_is_no_study(tmp_path: Path, text: str) -> None:
    assert "holds no 'key: value' lines" in complaint(written(tmp_path, text))


def test_an_unreadable_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"title: \xff\n")
    assert complaint(path) == f"{path}, line 1: is not UTF-8 text; save the file as UTF-8."

    def refuse(path: Path, *_: object) -> object:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    assert complaint(path) == f"{path}: cannot be read as YAML (Permission denied); check the file."


def test_an_unknown_study_is_answered_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(SHIPPED.parent)
    message = complaint("papre")
    assert message.startswith("papre: no such study")
    assert "demo, paper, paper-scratch, replicates" in message


def test_an_unknown_study_is_told_where_there_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "none here" in complaint("demo")


@pytest.mark.parametrize(
    ("text", "rate"), [("1e-4", 1e-4), ("1.5e3", 1500.0), ("1E-4", 1e-4), ("1", 1.0), ("0.5", 0.5)]
)
def test_numbers_are_read_as_yaml_1_2_writes_them(tmp_path: Path, text: str, rate: float) -> None:
    study = studies.load(written(tmp_path, f"{STUDY}learning_rate: {text}\n"))
    assert study.learning_rate == rate
    assert isinstance(study.learning_rate, float)


# --- overrides ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        ("", "demo"),
        ("epochs=20", "demo"),
        ("learning_rate=1e-3", "demo"),
        ("epochs=1", "demo+epochs=1"),
        ("image_size=32 epochs=1", "demo+epochs=1+image_size=32"),
        ("epochs=1 epochs=20", "demo"),
        ("cohort.confounder=1", "demo+cohort.confounder=1.0"),
        ("models=[resnet50]", "demo+models=resnet50"),
        (["seeds=[0, 1]"], "demo+seeds=0,1"),
        ("'seeds=[0, 1]'", "demo+seeds=0,1"),
        ("name=other epochs=1", "other"),
    ],
)
def test_the_name_tells_every_override_that_changes_something(
    overrides: str | list[str], name: str
) -> None:
    assert studies.load(SHIPPED / "demo.yaml", overrides).name == name


def test_another_source_leaves_nothing_of_the_old_one() -> None:
    study = studies.load(SHIPPED / "paper.yaml", "cohort.source=phantom cohort.covid19=50")
    assert study.cohort == studies.PhantomCohort(source="phantom", covid19=50)
    changes = "+cohort.covid19=50+cohort.publish_images=True+cohort.source=phantom"
    assert study.name == f"paper{changes}"


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ("epochs", "epochs: an override is written key=value"),
        ("=3", "=3: an override is written key=value"),
        ("title.x=3", "title.x=3: 'title' is not a section"),
        ("cohort.seed.x=3", "cohort.seed.x=3: 'cohort.seed' is not a section"),
        ("epochs=[", "epochs=[: the value is not valid YAML"),
        ("epochs=0106", "with epochs=0106: key 'epochs' should be a valid integer, not '0106'"),
        ("title='a", "title='a: a quotation mark is missing"),
        ("epoch=3", "with epoch=3: key 'epoch' is unknown"),
        ("cohort.=3", "with cohort.=3: key 'cohort.' is unknown"),
        ("epochs=", "with epochs=: key 'epochs' should be a valid integer, not None"),
        (["head=a\nb"], "with head=a b: key 'head'"),
    ],
)
def test_a_wrong_override_is_named(overrides: str | list[str], told: str) -> None:
    assert told in complaint(SHIPPED / "demo.yaml", overrides)


@quick
@given(weights=TEXT, title=TEXT)
def test_any_name_is_safe_as_a_folder(weights: str, title: str) -> None:
    changes = [f"weights={json.dumps(weights)}", f"title={json.dumps(title)}"]
    name = studies.load(SHIPPED / "demo.yaml", changes).name
    assert re.fullmatch(r"demo\+[A-Za-z0-9._+=,-]{,155}", name)


def test_names_that_look_alike_are_told_apart() -> None:
    names = {
        studies.load(SHIPPED / "demo.yaml", [f"weights={path}"]).name
        for path in ("/a/b", "/a-b", "-a-b")
    }
    assert len(names) == 3


# --- there and back ----------------------------------------------------------------------

CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "title": TEXT,
        "weights": st.sampled_from(["none", "imagenet", "1e5", "1.5e3", "yes", "~", "a b"]),
        "epochs": st.integers(1, 10**6),
        "learning_rate": st.floats(1e-12, 1e6, exclude_min=True),
        "seeds": st.lists(st.integers(0, 2**40), min_size=1, max_size=40, unique=True),
        "models": st.lists(
            st.sampled_from(sorted(studies.TITLES)), min_size=1, max_size=3, unique=True
        ),
        "dropout": st.floats(0, 1, exclude_max=True),
        "trainable": st.booleans(),
    },
)


@quick
@given(changes=CHANGES)
def test_a_dumped_study_loads_as_the_same_study(
    tmp_path_factory: pytest.TempPathFactory, changes: dict[str, object]
) -> None:
    demo = studies.load(SHIPPED / "demo.yaml")
    path = tmp_path_factory.getbasetemp() / "dumped.yaml"
    path.write_text(studies.dump(demo.model_copy(update=changes)), encoding="utf-8")
    read = studies.load(path)
    assert read == demo.model_copy(update=changes)


def test_a_changed_study_is_dumped_with_its_name(tmp_path: Path) -> None:
    seeds = ",".join(map(str, range(100)))
    study = studies.load(SHIPPED / "demo.yaml", f"seeds=[{seeds}] weights=/some/where")
    assert studies.load(written(tmp_path, studies.dump(study))) == study


def test_a_study_does_not_change() -> None:
    study = studies.load(SHIPPED / "demo.yaml")
    with pytest.raises(ValidationError, match="frozen"):
        study.epochs = 1


@pytest.mark.parametrize("title", ["\x85", "a\u2028b", "\u2029", "é: [x", "'\""])
def test_a_title_with_odd_marks_survives(title: str, tmp_path: Path) -> None:
    study = studies.load(SHIPPED / "demo.yaml").model_copy(update={"title": title})
    path = tmp_path / "study.yaml"
    path.write_text(studies.dump(study), encoding="utf-8")
    assert studies.load(path).title == title

"""The record of copies counts what was planted; labels join groups and copies."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from covidcxr.cohorts.samples import Sample
from covidcxr.core import records, studies
from covidcxr.core.errors import Problem
from covidcxr.validity import duplicates
from tests.validity.planted import ALTERED, cohort, sample


@pytest.fixture(scope="module")
def demo() -> studies.Study:
    return studies.load("config/demo.yaml")


@pytest.fixture(scope="module")
def two() -> dict[str, Sample]:
    return {
        "cohort": sample("cohort", cohort(exact_duplicates=1, near_duplicates=5)),
        "other": sample("other", cohort(covid19=4, normal=4, seed=5)),
    }


@pytest.fixture(scope="module")
def record(
    demo: studies.Study, two: dict[str, Sample], tmp_path_factory: pytest.TempPathFactory
) -> records.Record:
    return duplicates.record(demo, results=tmp_path_factory.mktemp("results"), samples=two)


def test_a_record_tells_what_was_planted_and_found(record: records.Record) -> None:
    assert record["counts"]["exact"] == 1
    assert record["counts"]["near"] == 5
    assert record["counts"]["across_cohorts"] == record["counts"]["across_classes"] == 0
    counted = duplicates.planted_counts(record)
    assert counted["planted"].sum() == counted["found"].sum() == 6
    assert duplicates.false_alarms(record) == {"one": 0, "two": 0}
    summary = duplicates.summary(record)
    assert summary["exact"].sum() == 1
    assert summary["near"].sum() == 5
    assert summary["in them"].sum() == 12


def test_a_record_is_shown_without_images_and_remade_for_others_when_asked(
    record: records.Record,
    demo: studies.Study,
    two: dict[str, Sample],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    results = record.folder.parent
    assert duplicates.record(demo, results=results, samples=None).content == record.content
    with pytest.raises(Problem, match="no such record"):
        duplicates.record(demo, results=results / "none", samples=None)
    with pytest.raises(Problem, match="the input data is"):
        duplicates.record(demo, results=results, samples={"cohort": two["cohort"]})
    monkeypatch.setenv("RERUN", "1")
    again = duplicates.record(demo, results=results, samples={"cohort": two["cohort"]})
    assert again["fingerprints"] != record["fingerprints"]
    made_again = duplicates.record(demo, results=results, samples=two)
    tables = [duplicates.read_pairs(r).to_csv() for r in (record, made_again)]
    assert tables[0] == tables[1]


def test_merged_labels_join_groups_and_copies_and_nothing_else(
    record: records.Record, two: dict[str, Sample]
) -> None:
    merged = duplicates.merged(two, record)
    for name, one in two.items():
        assert len(merged[name]) == len(one.manifest)
        assert len(set(merged[name])) == one.manifest["group_id"].nunique()
    # Synthetic patients of two cohorts share names, not bodies.
    assert not set(merged["cohort"]) & set(merged["other"])


def test_merged_labels_reach_across_cohorts(demo: studies.Study, tmp_path: Path) -> None:
    first = sample("cohort", cohort(covid19=4, normal=4), synthetic=False)
    second = sample("other", cohort(covid19=4, normal=4, seed=5), synthetic=False)
    names = [f"other-{n}" for n in range(8)]
    images, groups, sources = [f"{n}.png" for n in names], list(names), ["elsewhere"] * 8
    pictures = second.grey.copy()
    # Image 0 is a copy of the other cohort's 3, image 5 is of its last patient.
    pictures[0] = np.asarray(ALTERED["brighter"](Image.fromarray(first.grey[3])))
    known = first.manifest
    groups[5], sources[5] = known["group_id"][7], known["source"][7]
    # The same name from another source is another patient; so is a file that names itself.
    groups[6] = known["group_id"][6]
    images[2] = groups[2] = known["image_id"][1]
    sources[2] = known["source"][1]
    own = known.assign(group_id=known["group_id"].where(known.index != 1, known["image_id"]))
    rows = second.manifest.assign(image_id=images, group_id=groups, source=sources)
    both = {"cohort": Sample("cohort", own, first.grey), "other": Sample("other", rows, pictures)}
    copies = duplicates.record(demo, results=tmp_path, samples=both)
    assert copies["counts"]["across_cohorts"] == 1
    assert copies["counts"]["across_groups"] == 1
    merged = duplicates.merged(both, copies)
    shared = [
        (i, j) for i in range(8) for j in range(8) if merged["cohort"][i] == merged["other"][j]
    ]
    assert shared == [(3, 0), (7, 5)]


def test_names_that_look_like_numbers_stay_text(demo: studies.Study, tmp_path: Path) -> None:
    one = sample("cohort", cohort(covid19=2, normal=2), synthetic=False)
    rows = one.manifest.assign(group_id=["001", "NA", "1", "01"])
    pictures = np.concatenate([one.grey[:1], one.grey[:1], one.grey[:2]])
    both = {"cohort": Sample("cohort", rows, pictures)}
    copies = duplicates.record(demo, results=tmp_path, samples=both)
    known = duplicates.read_pairs(copies)
    assert set(known["group_a"]) | set(known["group_b"]) == {"001", "NA", "1"}
    assert len(set(duplicates.merged(both, copies)["cohort"])) == 2

"""The record counts what splits and external cohorts share."""

import numpy as np
import pytest

from covidcxr.cohorts.samples import Sample
from covidcxr.core import records, studies
from covidcxr.core.errors import Problem
from covidcxr.validity import duplicates, overlap
from tests.validity.planted import cohort, sample


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> records.Record:
    study = studies.load("config/demo.yaml")
    results = tmp_path_factory.mktemp("results")
    own = sample(
        "cohort", cohort(covid19=24, normal=24, images_per_patient=2.0, near_duplicates=2), False
    )
    # The external cohort's first image is the own one's, mirrored; its second its patient's.
    rows = own.manifest.iloc[:4].assign(
        image_id=list("wxyz"), group_id=["w", own.manifest["group_id"][5], "y", "z"], source="w"
    )
    rows = rows.assign(source=["w", own.manifest["source"][5], "y", "z"], sha256=list("wxyz"))
    grey = own.grey[[40, 41, 42, 43]]
    grey = np.stack([grey[0][:, ::-1], *np.rot90(grey[1:], 2, axes=(1, 2))])
    both = {"cohort": own, "other": Sample("other", rows, grey)}
    copies = duplicates.record(study, results=results, samples=both)
    return overlap.record(study, results=results, samples=both, copies=copies)


def test_a_study_is_told_what_its_splits_share(record: records.Record) -> None:
    shares = overlap.shares(record).set_index(["split", "label"])
    assert (shares.loc[["grouped-copies"], "share"] == 0).all()
    assert (shares.loc[["random"], "share"] > 0.2).all()
    assert (shares["draws"].to_numpy() == [1, 1] + [overlap.DRAWS] * 6).all()
    overall = overlap.overall_shares(record)
    assert overall["grouped-copies"] == 0
    assert overall["random"] > 0.2


def test_external_images_that_are_known_are_counted(record: records.Record) -> None:
    counts = overlap.external_counts(record)
    assert counts["n"].sum() == 4
    assert counts[["group", "copy", "any"]].sum().tolist() == [1, 1, 2]


def test_a_record_needs_images_once(record: records.Record) -> None:
    study = studies.load("config/demo.yaml")
    results = record.folder.parent
    assert (
        overlap.record(study, results=results, samples=None, copies=record).content
        == record.content
    )
    with pytest.raises(Problem, match="no such record"):
        overlap.record(study, results=results / "none", samples=None, copies=record)

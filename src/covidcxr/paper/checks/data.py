"""Checks of what the paper says of its images: how many, of which set, of which patients."""

from __future__ import annotations

import numpy as np
import pandas as pd

from covidcxr.core import records
from covidcxr.paper import class_sizes, forensics, publication
from covidcxr.paper.checks.evidence import Evidence, Finding, Verdict, judge
from covidcxr.paper.class_sizes import Pair
from covidcxr.validity import leakage
from covidcxr.validity.leakage import summaries


def test_images(evidence: Evidence, number: str) -> Finding:
    """Compare the size of the test part with the sums of the matrices."""
    sums = {int(np.sum(table["matrix"])) for table in evidence.report["tables"]}
    same = sums == {int(publication.value(number))}
    return judge(same, sums=[f"{n:,}" for n in sorted(sums)])


def train_images(evidence: Evidence) -> Finding:
    """Check that a held-out fifth of each class gives the sizes of both parts."""
    counts = class_sizes.printed_counts()
    pairs = class_sizes.pairs_by_rule(counts)
    more = [pair for pair in pairs["nearest"] if pair not in pairs["down"]]
    return judge(
        bool(pairs["down"] or more),
        **counts._asdict(),
        down=_sums(pairs["down"]),
        nearest=_sums(more),
    )


def images_evaluated(evidence: Evidence, number: str, parts: list[str]) -> Finding:
    """Compare the images of the evaluation with the parts that the methods name."""
    stated = publication.numbers()[number]
    sizes = [int(publication.value(part)) for part in parts]
    return judge(
        int(stated.value) in (*sizes, sum(sizes)),
        parts=[f"{n:,}" for n in sizes],
        total=sum(sizes),
        printed=stated.printed,
        ratio=stated.value / sum(sizes),
    )


def agree(evidence: Evidence, numbers: list[str]) -> Finding:
    """Check that several places print the same number."""
    same = [publication.numbers()[number] for number in numbers]
    prints = [f"{n.with_unit} ({n.place})" for n in same]
    return judge(len({n.value for n in same}) == 1, prints=prints)


def shares_sum(evidence: Evidence, numbers: list[str]) -> Finding:
    """Check that the parts of a data set make the whole."""
    shares = [publication.numbers()[number] for number in numbers]
    total = sum(share.value for share in shares)
    return judge(
        abs(total - 1) < 1e-9,
        Verdict.CORRECTED if total > 1 else Verdict.CONTRADICTED,
        parts=" + ".join(share.printed for share in shares),
        total=total,
    )


def one_set_fits(evidence: Evidence) -> Finding:
    """Name the public data sets that have the class sizes that the counts demand."""
    rules = class_sizes.pairs_by_rule(class_sizes.printed_counts())
    fitting = class_sizes.fitting(sorted({pair for rule in rules.values() for pair in rule}))
    classes = [str(len(set().union(*data.parts.values()))) for data in fitting]
    return Finding(
        Verdict.UNVERIFIABLE, {"sets": [data.title for data in fitting], "classes": classes}
    )


def shared_patients(evidence: Evidence) -> Finding:
    """Count held-out images whose patient is also trained on, by the committed record."""
    record = forensics.record(None, evidence.results)
    shared, random = record["shared"]["keras"], record["shared"]["random"]
    return Finding(
        Verdict.COUNTED if shared else Verdict.NOT_SHOWN,
        {
            "shared": shared,
            "held_out": record["held_out"],
            "resamples": record["resamples"],
            "low": random["low"],
            "high": random["high"],
        },
    )


def overlap_gain(evidence: Evidence, study: str) -> Finding:
    """Count simple models whose accuracy rises with patients on both sides of a split."""
    # What they gain decides nothing of the paper's networks.
    folder = evidence.results / study / leakage.NAME
    values = {"study": study, "split": "not recorded", "dose": "not recorded"}
    if (folder / "record.json").is_file():
        record = records.read(folder)
        runs, doses = record.table("splits"), record.table("doses")
        values["split"] = _raised(
            summaries.score_inflation(runs[runs["tier"] == "all"], "accuracy")
        )
        if not doses.empty:
            slopes = summaries.contamination_slopes(doses, "accuracy")
            values["dose"] = _raised(slopes[slopes["labels"] == "truth"])
    return Finding(Verdict.UNVERIFIABLE, values)


def _sums(pairs: list[Pair]) -> list[str]:
    return [f"{covid:,} + {normal:,}" for covid, normal in pairs]


def _raised(gains: pd.DataFrame) -> str:
    """Count the models whose interval lies above zero, with the range of all in points."""
    low, high = 100 * gains["value"].min(), 100 * gains["value"].max()
    clear = int((gains["low"] > 0).sum())
    return f"{clear} of {len(gains)} ({low:+.1f} to {high:+.1f} points)"

"""What leaks, in the paper and in a study, and how far the paper can be trusted.

The leakage sheet has the eight types of leakage of Kapoor and Narayanan. Its statuses are
computed from records where they can be; what is judged says so. The judgement of the paper
follows the four domains of PROBAST+AI, in our own words.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import pandas as pd
from pydantic import Field, ValidationError, model_validator

from covidcxr.cohorts import composition
from covidcxr.core import edition, records
from covidcxr.core.errors import Problem
from covidcxr.core.records import Record
from covidcxr.core.studies import LABELS, KaggleCohort, Strict, Study, parse_yaml
from covidcxr.core.words import in_words, listing
from covidcxr.paper import forensics
from covidcxr.scores import intervals
from covidcxr.validity import external, overlap, shortcuts

FILE = "data/judgement.yaml"

Status = Literal["found", "not found", "cannot be tested"]
FOUND, NOT_FOUND, UNTESTED = STATUSES = get_args(Status)
"""What can be said of a type of leakage."""

Type = Literal["L1.1", "L1.2", "L1.3", "L1.4", "L2", "L3.1", "L3.2", "L3.3"]
TYPES: tuple[Type, ...] = get_args(Type)
"""Kapoor and Narayanan's numbers of the types of leakage."""

Page = Literal[
    "architecture", "audit", "calibration", "claims", "comparison", "controls", "duplicates",
    "exploration", "external", "forensics", "leakage", "metrics", "saliency", "shortcuts",
    "variance",
]  # fmt: skip
"""Pages of this book that can be evidence."""

Domain = Literal["participants and data sources", "predictors", "outcome", "analysis"]
DOMAINS: tuple[Domain, ...] = get_args(Domain)

Concern = Literal["low", "high", "unclear"]

ASPECTS = {
    "quality": "development: concern about quality",
    "bias": "evaluation: risk of bias",
    "applicability": "applicability: concern",
}
"""What each domain is judged for; the analysis has no applicability."""

COLUMNS = ("id", "type", "paper", "study", "evidence", "page", "basis")

APART = 0.2
"""From here on two distributions count as different: total variation of the sources of the
classes, or the distance of the AUROC of age alone from 1/2, doubled. A choice of ours. Both
are between 0 and 1, and for two groups they are one and the same."""

MARKS = {key: name for key, name in shortcuts.BLIND.items() if key[0] != "metadata"}
"""Parts of a picture that do not show the lungs, probes of the record ``shortcuts``. What lies
outside the stated lung region is none of them: of some patients it shows a share of the lungs."""

PROBE = "logistic"
"""The simple model that is asked, chosen beforehand."""

MISSING = "not recorded for this study"

CHILDREN = "kermany"
"""The source whose images give no age, and are of children of one to five years
(Kermany et al., Cell 172:1122-1131, 2018)."""


# --- what the file says


class Answer(Strict):
    """What is said of the paper, or of a study: computed, or judged, or judged until computed."""

    evidence: str | None = None
    status: Status | None = None
    because: str | None = None
    quote: str | None = None
    section: str | None = None

    @model_validator(mode="after")
    def _whole(self) -> Answer:
        if (self.status is None) != (self.because is None):
            raise ValueError("a status needs its reason, because, and a reason its status")
        if self.status is None and self.evidence is None:
            raise ValueError("an answer needs evidence, or a status with its reason")
        if self.evidence is not None and self.evidence not in KINDS:
            raise ValueError(f"'{self.evidence}' is no kind of evidence: {', '.join(KINDS)}")
        if (self.quote is None) != (self.section is None):
            raise ValueError("a quotation needs its section")
        if self.quote and len(self.quote.split()) > 10:
            raise ValueError(f"'{self.quote}' is longer than ten words")
        return self


class Leak(Strict):
    """One type of leakage, as the file asks about it."""

    id: Type
    type: str
    question: str
    page: Page
    see: tuple[Page, ...] = Field(default=(), strict=False)
    paper: Answer
    study: Answer


class Opinion(Strict):
    """A judgement on one aspect of a domain."""

    concern: Concern
    because: Annotated[str, Field(min_length=1)]
    pages: Annotated[list[Page], Field(min_length=1)]


class Judged(Strict):
    """The judgement on a domain."""

    domain: Domain
    quality: Opinion
    bias: Opinion
    applicability: Opinion | None = None

    @model_validator(mode="after")
    def _rated(self) -> Judged:
        if (self.applicability is None) != (self.domain == "analysis"):
            raise ValueError("every domain has an applicability, but for the analysis")
        return self


class Content(Strict):
    """The whole file."""

    leakage: list[Leak]
    domains: list[Judged]

    @model_validator(mode="after")
    def _each_once(self) -> Content:
        if [one.id for one in self.leakage] != list(TYPES):
            raise ValueError(f"leakage needs each of {', '.join(TYPES)} once, in this order")
        if [one.domain for one in self.domains] != list(DOMAINS):
            raise ValueError(f"domains needs each of {', '.join(DOMAINS)} once, in this order")
        return self


def parse(text: str, name: str = FILE) -> Content:
    """Read sheet and judgement strictly.

    Parameters
    ----------
    text
        The YAML.
    name
        What to call it where it is wrong.

    Raises
    ------
    Problem
        For an unknown key, page or kind of evidence, a type or domain that is missing or
        stands twice, and an answer without its reason.
    """
    try:
        return Content.model_validate(parse_yaml(text, f"{name}: is"))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        reason = first["msg"].removeprefix("Value error, ")
        raise Problem(f"{name}: key '{place}': {reason}; correct it.") from error


@cache
def content() -> Content:
    """Return what the package's own file says."""
    return parse(files("covidcxr").joinpath(FILE).read_text("utf-8"))


# --- what the records say


@dataclass(frozen=True)
class Finding:
    """What is found of one type of leakage.

    Attributes
    ----------
    status
        One of `STATUSES`.
    because
        The evidence, in one or two sentences.
    basis
        computed or judged.
    """

    status: Status
    because: str
    basis: Literal["computed", "judged"] = "computed"


@dataclass(frozen=True)
class Row:
    """A type of leakage with what is found in the paper and in the study."""

    leak: Leak
    paper: Finding
    study: Finding


@dataclass(frozen=True)
class Source:
    """Where the evidence comes from.

    Attributes
    ----------
    folder
        The records of one study.
    splits
        The splits that the study trains on; empty for the paper, which is taken to hold out
        the first by name, as `forensics` infers.
    settings
        The study, None where its records stand in for the paper's images.
    """

    folder: Path
    splits: tuple[str, ...]
    settings: Study | None = None

    def read(self, name: str) -> Record | None:
        """Return one of the records, None where it is not there or is of another cohort."""
        if not (self.folder / name / "record.json").is_file():
            return None
        made = records.read(self.folder / name)
        if self.settings is None:
            return made
        cohort = records.parameters(self.settings, ())["cohort"]
        return made if made["parameters"]["cohort"] == cohort else None


def parts(source: Source) -> Finding:
    """Ask whether images are tested that were not trained on."""
    made = source.read(composition.NAME)
    if made is None:
        return _missing(composition.NAME)
    table = made.table("parts").astype({"images": int})
    n = table.groupby("part")["images"].sum()
    names = {"train": "training", "validation": "validation", "test": "test"}
    many = {part: f"{n[part]:,}" if n.get(part, 0) else "none" for part in names}
    told = ", ".join(f"{many[part]} for {name}" for part, name in names.items())
    apart = n.get("train", 0) > 0 and n.get("test", 0) > 0
    return Finding(
        NOT_FOUND if apart else FOUND,
        f"Images by part: {told}. "
        + (
            "The last epoch is scored, and none is chosen on the test part."
            if apart
            else "One of the two parts is empty."
        ),
    )


def preparation(source: Source) -> Finding:
    """Ask whether anything is fitted to images before they are divided."""
    if source.settings is None:
        return Finding(UNTESTED, "No settings are known.")
    way = source.settings.preprocessing
    return Finding(
        NOT_FOUND,
        f"Preprocessing '{way}' uses constants, image by image; nothing is fitted to images.",
    )


def copies(source: Source) -> Finding:
    """Count test images with a copy in another part, by split."""
    return _torn(source, "copy", "a copy in another part")


def groups(source: Source) -> Finding:
    """Count test images of patients, or groups, that stand in another part, by split."""
    found = _torn(source, "group", "their patient or group in another part")
    made = source.read(composition.NAME)
    if found.status != UNTESTED or made is None:
        return found
    table = made.table("parts")
    rows = table[table["part"] == "test"]
    hit, n = int(rows["images_shared_with_train"].sum()), int(rows["images"].sum())
    if not n:
        return found
    return Finding(
        FOUND if hit else NOT_FOUND,
        f"{hit or 'None'} of {n:,} test images have their patient or group in training "
        f"(split '{made['parameters']['split']}').",
    )


def marks(source: Source) -> Finding:
    """Ask whether parts of the picture without the lungs give the class away."""
    made = source.read("shortcuts")
    if made is None:
        return _missing("shortcuts")
    table = made.table("areas")
    table = table[(table["tier"] == "all") & (table["model"] == PROBE) & table["low"].notna()]
    areas = {(row["probe"], row["variant"]): row for row in table.to_dict("records")}
    there = [key for key in MARKS if key in areas]
    if not there:
        return Finding(UNTESTED, "No probe of the picture's surroundings has an interval.")
    told = [f"{MARKS[key]} {_area(areas[key])}" for key in there]
    above = any(areas[key]["low"] > 0.5 for key in there)
    return Finding(
        FOUND if above else NOT_FOUND,
        "AUROC of logistic regression, cross-validated by group, on what does not show the lungs: "
        f"{'; '.join(told)}. "
        + (
            "A network can use that; whether it does is another question."
            if above
            else "No interval lies above 0.5."
        ),
    )


def patients(source: Source) -> Finding:
    """Count held-out images whose patient is trained on, in the listing of the inferred set."""
    place = source.folder.parent / forensics.NAME
    if not (place / "record.json").is_file():
        return Finding(UNTESTED, "The listing of patients is not recorded.")
    made = records.read(place)
    hit, n = int(made["shared"]["keras"]), int(made["held_out"])
    return Finding(
        FOUND if hit else NOT_FOUND,
        f"If set and split are those inferred, {hit or 'none'} of {n} COVID19 test images show a "
        "patient who is also trained on.",
    )


def sampling(source: Source) -> Finding:
    """Ask whether classes differ in source or age, and whether scores hold elsewhere."""
    found = [_sources(source), _ages(source), _elsewhere(source)]
    there = [one for one in found if one is not None]
    if not there:
        return _missing(f"{composition.NAME} or {external.NAME}")
    return Finding(
        FOUND if any(one.status == FOUND for one in there) else NOT_FOUND,
        " ".join(one.because for one in there),
    )


KINDS: dict[str, Callable[[Source], Finding]] = {
    "parts": parts,
    "preparation": preparation,
    "copies": copies,
    "groups": groups,
    "marks": marks,
    "patients": patients,
    "sampling": sampling,
}
"""Kinds of evidence and what computes them."""


def _torn(source: Source, reason: str, words: str) -> Finding:
    made = source.read(overlap.NAME)
    if made is None:
        return _missing(overlap.NAME)
    table = made.table("splits")
    table = table[table["reason"] == reason]
    own = {split.rpartition("-")[0] if split[-1].isdigit() else split for split in source.splits}
    told, hit = [], False
    for name, title in overlap.SPLITS.items():
        # What the paper's images share is known for the split that it is taken to have used.
        if name not in table["split"].to_numpy() or (not source.splits and name != "keras"):
            continue
        drawn = table[table["split"] == name].groupby("seed")[["affected", "n"]].sum()
        least, most = int(drawn["affected"].min()), int(drawn["affected"].max())
        many = f"{least:,} to {most:,}" if least < most else f"{most:,}" if most else "none"
        over = f" ({len(drawn)} draws)" if len(drawn) > 1 else ""
        told.append(f"{title} {many} of {int(drawn['n'].median()):,}{over}")
        hit |= most > 0 and (not source.splits or name in own)
    if not told or not (not source.splits or own & set(table["split"])):
        return Finding(UNTESTED, f"The record '{overlap.NAME}' has none of the study's splits.")
    return Finding(
        FOUND if hit else NOT_FOUND,
        f"Test images that have {words}: split {', '.join(told)}."
        + (f" The study splits {listing(sorted(overlap.SPLITS[s] for s in own))}." if own else ""),
    )


def _sources(source: Source) -> Finding | None:
    made = source.read(composition.NAME)
    if made is None:
        return None
    table = made.table("categories")
    table = table[table["variable"] == "source"]
    wide = table.pivot_table(index="value", columns="label", values="n", aggfunc="sum")
    wide = wide.reindex(columns=list(LABELS)).fillna(0)
    if not (wide.sum() > 0).all():
        return None
    share = wide / wide.sum()
    away = float((share[LABELS[0]] - share[LABELS[1]]).abs().sum() / 2)
    shared = int((wide > 0).all(axis=1).sum())
    return Finding(
        FOUND if away >= APART else NOT_FOUND,
        f"The images come from {in_words(len(wide))} source{'s' * (len(wide) > 1)}, "
        f"{in_words(shared)} of which gave images of both classes; {100 * away:.0f}% of a class "
        "would have to change source for the two to agree.",
    )


def _ages(source: Source) -> Finding | None:
    made = source.read(composition.NAME)
    if made is None:
        return None
    table = made.table("measures")
    table = table[table["variable"] == "age"]
    counts = table.pivot_table(index="low", columns="label", values="n", aggfunc="sum")
    counts = counts.reindex(columns=list(LABELS)).fillna(0).sort_index()
    known = counts.sum()
    if not (known > 0).all():
        told = [_without_ages(made, label) for label in LABELS if not known[label] > 0]
        return Finding(NOT_FOUND, f"Ages cannot be compared image by image: {listing(told)}.")
    positive, negative = (counts[label] / known[label] for label in LABELS)
    # Ages in one bin of the histogram count as ties.
    below = negative.cumsum() - negative
    area = float((positive * (below + negative / 2)).sum())
    n = " and ".join(f"{int(known[label]):,} {label}" for label in LABELS)
    return Finding(
        FOUND if abs(2 * area - 1) >= APART else NOT_FOUND,
        f"Age alone has an AUROC of {max(area, 1 - area):.2f} (ages of {n}).",
    )


def _without_ages(made: Record, label: str) -> str:
    """Say that no age of a class is known, and what its collection is said to be of."""
    table = made.table("categories")
    rows = table[(table["variable"] == "source") & (table["label"] == label) & (table["n"] > 0)]
    if set(rows["value"]) != {CHILDREN}:
        return f"of {label} none is known"
    return (
        f"of {label} none is known, but the collection it comes from, '{CHILDREN}', is of children "
        "of one to five years (Kermany et al., 2018)"
    )


def _elsewhere(source: Source) -> Finding | None:
    made = source.read(external.NAME)
    if made is None:
        return None
    test = external.tested(made).get(external.MODELS[PROBE])
    if test is None or not test.external:
        return None
    home, worse, told = intervals.area(test.internal), False, []
    for name, predicted in test.external.items():
        away = intervals.area(predicted)
        if math.isfinite(away.value):
            worse |= away.high < home.low
            told.append(f"{away.value:.3f} ({away.low:.3f} to {away.high:.3f}) on '{name}'")
    if not told:
        return None
    return Finding(
        FOUND if worse else NOT_FOUND,
        f"Logistic regression has an AUROC of {home.value:.3f} ({home.low:.3f} to {home.high:.3f}) "
        f"at home and {listing(told)}.",
    )


def _missing(name: str) -> Finding:
    return Finding(UNTESTED, f"Record '{name}' is {MISSING}.")


def _area(row: Any) -> str:
    return f"{row['auroc']:.3f} ({row['low']:.3f} to {row['high']:.3f})"


# --- the sheet


def real(results: Path) -> list[Path]:
    """Return the folders of the edition's studies whose images stand in for the paper's.

    Parameters
    ----------
    results
        The folder of a study's records; the edition's lie beside it.
    """
    return [
        folder
        for folder in edition.folders(results.parent)
        if (folder / composition.NAME / "record.json").is_file()
    ]


def rows(results: Path, study: Study) -> tuple[Row, ...]:
    """Return the leakage sheet with every status computed anew.

    Parameters
    ----------
    results
        The folder of the study's records; those of other studies lie beside it.
    study
        The study.

    Raises
    ------
    Problem
        For a record that is damaged.
    """
    own = Source(results, tuple(study.splits), study)
    few = _few(study, own)
    return tuple(
        Row(leak, _of_paper(leak.paper, results), _cautious(_of(leak.study, own), few))
        for leak in content().leakage
    )


def _few(study: Study, source: Source) -> str:
    """Return why a study's test part is too small to deny a leak, nothing where it is not."""
    made = source.read(composition.NAME)
    if made is None:
        return ""
    table = made.table("parts").query("part == 'test'").astype({"images": int})
    counts = table.groupby("label")["images"].sum()
    return edition.too_few(study, {label: int(counts.get(label, 0)) for label in LABELS})


def _cautious(finding: Finding, few: str) -> Finding:
    """Take back that nothing was found where so few images could hardly show it."""
    if not few or finding.status != NOT_FOUND or finding.basis != "computed":
        return finding
    return replace(finding, status=UNTESTED, because=f"{finding.because} {few}")


def _of(answer: Answer, source: Source) -> Finding:
    if answer.evidence is not None:
        found = KINDS[answer.evidence](source)
        if found.status != UNTESTED or answer.status is None:
            return found
    assert answer.status and answer.because
    return Finding(answer.status, answer.because, "judged")


def _of_paper(answer: Answer, results: Path) -> Finding:
    """Return what holds of the paper: real images of the inferred set stand in for its own."""
    if answer.evidence == "patients" or answer.evidence is None:
        found = _of(answer, Source(results, ()))
    else:
        found = Finding(UNTESTED, "No record of real images decides, and the paper publishes none.")
        for folder in real(results):
            seen = _of(answer, Source(folder, ()))
            if seen.status != UNTESTED:
                words = f"If the paper's are the images that its counts point to ({_n(folder)}): "
                found = replace(seen, because=words + seen.because)
                break
    if answer.quote:
        words = f' The paper, section {answer.section}: "{answer.quote}".'
        found = replace(found, because=found.because + words)
    return found


def _n(folder: Path) -> str:
    """Say how many images of the inferred set a study has."""
    made, whole = records.read(folder / composition.NAME), _inferred()
    n = " and ".join(f"{made['images'][k]:,} of its {whole[k]:,} {k}" for k in LABELS)
    return f"here {n} images"


def _inferred() -> dict[str, int]:
    """Return how many images of each class the set has that the paper's counts point to."""
    cohort = KaggleCohort(source="kaggle")
    return dict(zip(LABELS, (cohort.covid19, cohort.normal), strict=True))


def stand_in(results: Path) -> str:
    """Say which images stand in for the paper's, and what of them is missing.

    Parameters
    ----------
    results
        As for `rows`.
    """
    found = real(results)
    if not found:
        return "No real images are recorded that could stand in for the paper's."
    made, whole = records.read(found[0] / composition.NAME), _inferred()
    lacks = [f"{whole[k] - made['images'][k]:,} of {whole[k]:,} {k}" for k in LABELS
             if made["images"][k] < whole[k]]  # fmt: skip
    missing = f"lacks {listing(lacks)} images" if lacks else "is whole by its counts"
    return f"For the paper's images our copy of that set stands in, which {missing}."


def sheet(results: Path, study: Study) -> pd.DataFrame:
    """Return the leakage sheet as a table.

    Parameters
    ----------
    results, study
        As for `rows`.

    Returns
    -------
    pandas.DataFrame
        A row a type, with `COLUMNS`: ``paper`` and ``study`` are one of `STATUSES`,
        ``evidence`` tells why, ``page`` shows it, and ``basis``, computed or judged, is that
        of the paper's status.

    References
    ----------
    Kapoor and Narayanan, Patterns 4:100804 (2023).
    """
    table = [
        {
            "id": row.leak.id,
            "type": row.leak.type,
            "paper": row.paper.status,
            "study": row.study.status,
            "evidence": f"Paper: {row.paper.because} This study: {row.study.because}",
            "page": row.leak.page,
            "basis": row.paper.basis,
        }
        for row in rows(results, study)
    ]
    return pd.DataFrame(table, columns=list(COLUMNS))


def answer(table: pd.DataFrame, synthetic: bool = False) -> str:
    """Say how many types of leakage are found, and on what condition in the paper.

    Parameters
    ----------
    table
        As `sheet` returns it.
    synthetic
        Whether the study's images are synthetic, so that nothing is said of real ones.
    """
    here = "in this demonstration on synthetic images" if synthetic else "in this study"
    condition = ", if its images are the set that its counts point to"
    return (
        f"Of {in_words(len(table))} types of leakage, "
        f"{_counted(table, 'paper', 'in the paper', condition)}; "
        f"{_counted(table, 'study', here)}."
    )


def _counted(table: pd.DataFrame, of: str, where: str, condition: str = "") -> str:
    """Count the statuses in words; but for the first, one that nothing has is left out."""
    found = list(table.loc[table[of] == FOUND, "id"])
    which = f" ({listing(found)})" if found else ""
    verb = "are" if len(found) > 1 else "is"
    told = [f"{in_words(len(found))} {verb} found {where}{which}{condition}"]
    if n := int((table[of] == NOT_FOUND).sum()):
        told.append(f"{in_words(n)} {'are' if n > 1 else 'is'} not found")
    if n := int((table[of] == UNTESTED).sum()):
        told.append(f"{in_words(n)} cannot be tested")
    return told[0] if len(told) == 1 else f"{', '.join(told[:-1])}, and {told[-1]}"


# --- the judgement


def domains() -> pd.DataFrame:
    """Return the judgement of the paper in the four domains of PROBAST+AI.

    Returns
    -------
    pandas.DataFrame
        A row a domain and aspect: ``domain``, ``aspect`` (of `ASPECTS`), ``concern`` (low,
        high or unclear), ``because`` and ``pages``, names with a space between.

    References
    ----------
    Moons et al., BMJ 388:e082505 (2025). The instrument's questions are not copied here.
    """
    found = [
        {
            "domain": one.domain,
            "aspect": aspect,
            "concern": opinion.concern,
            "because": opinion.because,
            "pages": " ".join(opinion.pages),
        }
        for one, aspect in product(content().domains, ASPECTS)
        if (opinion := getattr(one, aspect)) is not None
    ]
    return pd.DataFrame(found)


def overall(table: pd.DataFrame, aspect: str) -> str:
    """Return the concern over all domains: high if one is, low only if all are."""
    concerns = set(table.loc[table["aspect"] == aspect, "concern"])
    return next(level for level in ("high", "unclear", "low") if level in concerns)

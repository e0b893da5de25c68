"""Positive and negative controls: every method is tried where the truth is known.

Synthetic radiographs carry defects that were planted, each at a known strength. A method
must find what is there and must find nothing where nothing is; `REQUIRED` says how well.
The limits were set before the methods were tried. A method that fails is not relied on.
"""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from scipy import stats

from covidcxr.cohorts import lungs, phantom, radiograph, splits
from covidcxr.cohorts.samples import Sample, shrunk
from covidcxr.core import machine, records, studies
from covidcxr.core.studies import PhantomCohort
from covidcxr.networks import saliency
from covidcxr.scores import intervals, proportions
from covidcxr.validity import duplicates, overlap, shortcuts
from covidcxr.validity.leakage import experiments, models, summaries

if TYPE_CHECKING:
    import keras

NAME = "controls"
"""The name of these records: they belong to no study's folder."""

FOLDER = f"{NAME}/record"

METHOD = 1
"""Raised when the numbers of such a record change; see `covidcxr.core.records`."""
"""The place of the record among all records."""

TITLES = {
    "duplicates": "Search for copies",
    "overlap": "Search for shared patients",
    "leakage": "Coins on two kinds of split",
    **{name: f"{probe.title} probe" for name, probe in shortcuts.PROBES.items()},
    "saliency": "Grad-CAM and occlusion",
}
"""The methods, and their names in prose."""

# --- what is demanded

RECALL = 0.95
"""The least share of the planted copies of each kind that must be found."""

FALSE_ALARMS = 1e-4
"""Pairs of different patients that may be called copies, as a share of all such pairs: the
upper limit of what was found must lie below."""

POWER = 0.8
"""The least share of cohorts in which a probe must find what is planted at full strength."""

LEVEL = 0.01
"""A method fails where nothing is planted if chance alone would give what it gave with less
than this probability."""

CONFIDENCE = 0.95
"""Coverage of intervals, but for those that decide where nothing is planted: 1 - `LEVEL`."""

INSIDE = 0.9
"""The least share of a map's evidence that must lie where it was planted."""

REQUIRED = {
    "duplicates": (
        f"each kind of planted copy found at a rate of {RECALL:.2f} or more; pairs of different "
        f"patients called copies below 1 in {1 / FALSE_ALARMS:,.0f}, upper limit"
    ),
    "overlap": "every planted patient and copy named, and no other",
    "leakage": (
        f"with one image a patient the gain's {1 - LEVEL:.0%} interval includes 0; with the most "
        f"images its {CONFIDENCE:.0%} interval lies above 0, with every model"
    ),
    "probes": (
        f"at strength 0 no more intervals without 0.5 than chance gives with probability {LEVEL}, "
        f"and the mean AUROC's {1 - LEVEL:.0%} interval includes 0.5; at strength 1 found in "
        f"{POWER:.0%} of the cohorts or more, with every variant. What sees no lung must miss the "
        f"disease, and the probe of the lungs alone must find it"
    ),
    "saliency": (
        f"of the evidence {INSIDE:.0%} or more lies outside the lung region for a mark in the "
        f"corner, and inside for a mark in the lung, by both methods; no map where there is no mark"
    ),
}
"""What a method must do to pass, in words."""

# --- what is planted

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Of what tells the classes apart although it is no sign of the disease."""

SEEDS = 5
"""Cohorts of each kind, with seeds from 0."""

NULL_SEEDS = 20
"""Cohorts in which nothing is planted."""

DISEASE_SEEDS = 10
SEVERITY = 0.6

SHARED = (0.0, 0.05, 0.25)
"""Shares of the test part's patients, or images, that are trained on as well."""

PER_PATIENT = (1.0, 1.5, 2.0, 3.0)
"""Mean images a patient."""

TOSSES = 4
"""Draws of coins and splits for each cohort."""

PATCH = 64
"""Pixels a side of the pictures for networks and probes, which see less than that."""

COPIED = PhantomCohort(
    source="phantom", covid19=150, normal=150, image_size=256, images_per_patient=1.5,
    exact_duplicates=16, near_duplicates=80,
)  # fmt: skip
COPIED_SEEDS = 3
PROBED = PhantomCohort(
    source="phantom", covid19=100, normal=100, image_size=PATCH, images_per_patient=1.4,
    severity=0.0, confounder=0.0, exact_duplicates=0, near_duplicates=0,
)  # fmt: skip
TOSSED = PROBED.model_copy(update={"covid19": 60, "normal": 60})
SINGLE = PROBED.model_copy(
    update={"covid19": 300, "normal": 300, "images_per_patient": 1.0, "severity": SEVERITY}
)

DOSES: dict[str, tuple[float, ...]] = {
    "JPEG quality": (90, 70, 50, 40, 30, 20, 10, 5),
    "cut off each side, %": (1, 2, 3, 4, 5, 6, 8, 10),
    "shrunk to, %": (70, 50, 35, 25, 15),
    "brightness, grey levels": (-80, -40, -20, 20, 40, 80),
    "contrast, %": (40, 60, 80, 120, 150, 200),
    "turned, degrees": (1, 2, 3, 4, 5),
}
"""Alterations and how strong each is tried; the search promises nothing about turns."""

PLANTED_DOSE = {"JPEG quality": 40.0, "cut off each side, %": 2.0, "shrunk to, %": 70.0}
"""How strong they are in the synthetic cohort's planted copies."""

DOSED = 16
"""Pictures of different patients that are altered at every dose."""

COLUMNS = [
    "method", "planted", "variant", "strength", "measure", "n", "value", "low", "high",
    "confidence",
]  # fmt: skip


SHORTCUT, DISEASE, FILES, MISSING = "acquisition", "disease", "files", "missing fields"
"""What is planted for probes."""

CORNER, LUNG, NOTHING, PLACE = "mark in a corner", "mark in a lung", "no mark", "weighted place"
"""What is planted for maps."""


# --- the record


def record(results: Path) -> records.Record:
    """Return the record of all controls, made where there is none.

    Parameters
    ----------
    results
        The folder that holds the studies' folders.

    Returns
    -------
    Record
        Its table ``measures`` has the columns `COLUMNS`. A record of an older method is
        returned as it is, since `make` takes minutes; `status` says so.
    """
    folder = results / FOLDER
    return records.read(folder, METHOD) if (folder / "record.json").is_file() else make(results)


def make(results: Path) -> records.Record:
    """Try all methods and write the record, whatever is there."""
    from threadpoolctl import threadpool_limits

    started, commit = time.monotonic(), machine.commit()
    with threadpool_limits(limits=1):
        found = measures()
    return records.write(
        results / FOLDER,
        study=studies.load("demo"),
        parameters=_parameters(),
        fingerprints=_fingerprints(),
        method=METHOD,
        commit=commit,
        tables={"measures": found, "criteria": criteria(found)},
        images={"COVID19": COPIED_SEEDS * COPIED.covid19, "NORMAL": COPIED_SEEDS * COPIED.normal},
        wall_seconds=round(time.monotonic() - started, 1),
        peak_memory_bytes=machine.peak_memory(),
    )


def measures() -> pd.DataFrame:
    """Try all methods on all that is planted; columns `COLUMNS`."""
    return pd.concat(
        [
            copies(), doses(), parts(), coins(),
            probes(), files(), disease(),
            region(), maps(),
        ],
        ignore_index=True,
    )[COLUMNS]  # fmt: skip


def status(made: records.Record) -> str:
    """Say when and from which code a record was made, and whether that is still the code."""
    commit = made["commit"]["id"]
    code = f"commit {commit[:8]}" if commit else "no commit"
    changed = " with changes" if made["commit"]["changed"] else ""
    told = (
        f"Made on {made.created:%Y-%m-%d} at {code}{changed}, "
        f"in {made['wall_seconds'] / 60:.1f} minutes."
    )
    now = not made.is_outdated and made["parameters"] == _parameters()
    return told + ("" if now else " A method or its control has changed since.")


def passed(made: records.Record) -> set[str]:
    """Return the names, of `TITLES`, of the methods that met all that is demanded of them."""
    return passing(criteria(made.table("measures")))


def passing(judged: pd.DataFrame) -> set[str]:
    """Return the names of the methods that met every demand, of what `criteria` returns."""
    return {str(name) for name, rows in judged.groupby("method") if rows["met"].all()}


def _parameters() -> dict[str, Any]:
    cohorts = {"copied": COPIED, "probed": PROBED, "tossed": TOSSED, "single": SINGLE}
    return {
        "cohort": {"source": "phantom"},
        "cohorts": {name: cohort.model_dump(mode="json") for name, cohort in cohorts.items()},
        "seeds": {"copies": COPIED_SEEDS, "planted": SEEDS, "null": NULL_SEEDS,
                  "disease": DISEASE_SEEDS, "tosses": TOSSES},
        "strengths": list(STRENGTHS),
    }  # fmt: skip


def _fingerprints() -> dict[str, str]:
    data = hashlib.sha256(json.dumps(_parameters(), sort_keys=True).encode()).hexdigest()
    return {"data": data}


# --- copies


def copies(
    find: Callable[[NDArray[np.uint8]], pd.DataFrame] = duplicates.find,
    cohort: PhantomCohort = COPIED,
    seeds: Sequence[int] = range(COPIED_SEEDS),
) -> pd.DataFrame:
    """Look for planted copies and count what is found, what is missed and what is neither.

    Parameters
    ----------
    find
        As `covidcxr.validity.duplicates.find`.
    cohort
        What to plant.
    seeds
        Of the cohorts.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`. A pair that is no copy is one of different patients, or one of
        different images of one patient; the precision of the variant ``one patient`` takes
        the latter for right, since no split may tear them apart either.
    """
    found, planted, of = [], [], []
    for seed in seeds:
        frame, pixels = phantom.generate(cohort.model_copy(update={"seed": seed}))
        flagged = np.zeros((len(frame), len(frame)), dtype=bool)
        pairs = find(pixels)
        flagged[pairs["first"], pairs["second"]] = True
        flagged |= flagged.T
        copy = frame["planted_duplicate_of"].notna().to_numpy()
        place = pd.Index(frame["image_id"]).get_indexer(frame["planted_duplicate_of"][copy])
        found.append(flagged[np.flatnonzero(copy), place])
        planted.append(frame["planted_alteration"][copy].to_numpy(dtype=str))
        of.append(_pairs(frame, flagged))
    hit, kind, pair = np.concatenate(found), np.concatenate(planted), pd.concat(of)
    rows = [
        _share("recall", hit[kind == name], "duplicates", "copies", name)
        for name in ("exact", *phantom.ALTERATIONS)
    ]
    rows.append(_share("recall", hit, "duplicates", "copies", "all kinds"))
    called = pair[pair["flagged"]]
    for variant, right in (("all kinds", {"copies"}), ("one patient", {"copies", "one patient"})):
        rows.append(
            _share("precision", called["what"].isin(right), "duplicates", "copies", variant)
        )
    rows += [
        _share(
            "false alarms", pair.loc[pair["what"] == what, "flagged"], "duplicates", "none", what
        )
        for what in ("different patients", "one patient")
    ]
    return pd.DataFrame(rows)


def _pairs(frame: pd.DataFrame, flagged: NDArray[np.bool_]) -> pd.DataFrame:
    first, second = np.triu_indices(len(frame), 1)
    original = frame["planted_duplicate_of"].fillna(frame["image_id"]).to_numpy(dtype=str)
    patient = frame["patient_id"].to_numpy(dtype=str)
    same = np.where(patient[first] == patient[second], "one patient", "different patients")
    what = np.where(original[first] == original[second], "copies", same)
    return pd.DataFrame({"what": what, "flagged": flagged[first, second]})


def doses(
    find: Callable[[NDArray[np.uint8]], pd.DataFrame] = duplicates.find, number: int = DOSED
) -> pd.DataFrame:
    """Alter pictures more and more, and count how many are still found to be copies."""
    pictures = patients(number)
    rows = []
    for way, strengths in DOSES.items():
        for dose in strengths:
            copied = np.stack([altered(picture, way, dose) for picture in pictures])
            pairs = find(np.concatenate([pictures, copied]))
            found = set(zip(pairs["first"], pairs["second"], strict=True))
            hit = [(i, i + number) in found for i in range(number)]
            rows.append(_share("recall", hit, "duplicates", way, way, dose))
    return pd.DataFrame(rows)


def patients(number: int) -> NDArray[np.uint8]:
    """Return radiographs of as many different synthetic patients, 256 pixels a side."""
    cohort = COPIED.model_copy(
        update={"covid19": number - number // 2, "normal": number // 2, "seed": COPIED_SEEDS,
                "images_per_patient": 1.0, "exact_duplicates": 0, "near_duplicates": 0}
    )  # fmt: skip
    return phantom.generate(cohort)[1]


def altered(picture: NDArray[np.uint8], way: str, dose: float) -> NDArray[np.uint8]:
    """Alter a picture, shape (side, side), in one of the ways of `DOSES`."""
    image, side = Image.fromarray(picture), len(picture)
    match way:
        case "JPEG quality":
            buffer = io.BytesIO()
            image.save(buffer, "JPEG", quality=round(dose))
            image = Image.open(buffer)
        case "cut off each side, %":
            near, far = side * dose / 100, side * (1 - dose / 100)
            image = image.resize((side, side), box=(near, near, far, far))
        case "shrunk to, %":
            small = round(side * dose / 100)
            image = image.resize((small, small)).resize((side, side))
        case "turned, degrees":
            image = image.rotate(dose, Image.Resampling.BICUBIC)
        case "brightness, grey levels":
            return np.clip(picture.astype(float) + dose, 0, 255).astype(np.uint8)
        case "contrast, %":
            middle = picture.mean()
            grey = middle + (picture - middle) * dose / 100
            return np.clip(grey, 0, 255).round().astype(np.uint8)
        case _:
            raise ValueError(f"{way} is none of {', '.join(DOSES)}")
    return np.asarray(image)


# --- shared patients


def parts(
    shared: Callable[[pd.DataFrame, pd.DataFrame], list[dict[str, Any]]] = overlap.shared,
    seeds: Sequence[int] = range(SEEDS),
) -> pd.DataFrame:
    """Share patients, and copies of files, between the parts of a split and look for them.

    Parameters
    ----------
    shared
        As `covidcxr.validity.overlap.shared`.
    seeds
        Of the cohorts, the splits and what is shared.
    """
    rows = []
    for kind, column in (("patient", "patient_id"), ("exact", "sha256")):
        for share in SHARED:
            hits: list[bool] = []
            alarms: list[bool] = []
            for seed in seeds:
                split, manifest, planted = _shared(share, column, seed)
                named = {str(one["name"]) for one in shared(split, manifest) if one["kind"] == kind}
                # A patient goes by name, a copy by the name of its first image.
                names = set(manifest["patient_id" if kind == "patient" else "image_id"].astype(str))
                hits += [name in named for name in sorted(planted)]
                alarms += [name in named for name in sorted(names - planted)]
            if hits:
                rows.append(_share("recall", hits, "overlap", kind, kind, share))
            rows.append(_share("false alarms", alarms, "overlap", kind, kind, share))
    return pd.DataFrame(rows)


def _shared(share: float, column: str, seed: int) -> tuple[pd.DataFrame, pd.DataFrame, set[str]]:
    """Give test images what training images have: their patient, or their file."""
    manifest, _ = phantom.draw(PROBED.model_copy(update={"seed": seed}))
    digests = [hashlib.sha256(name.encode()).hexdigest() for name in manifest["image_id"]]
    manifest = manifest.assign(sha256=digests)
    split = splits.make(manifest, "grouped", 0.2, 0.0, seed)
    part = split.set_index("image_id")["part"].loc[manifest["image_id"]].to_numpy()
    test, train = (manifest.loc[part == p, column].unique() for p in ("test", "train"))
    rng = np.random.default_rng([seed, 3])
    count = round(share * len(test))
    pairs = zip(
        rng.choice(test, count, replace=False), rng.choice(train, count, replace=False), strict=True
    )
    given = dict(pairs)
    before = manifest[column]
    manifest = manifest.assign(**{column: before.replace(given)})
    if column == "patient_id":
        return split, manifest.assign(group_id=manifest[column]), set(given.values())
    image = manifest["image_id"].groupby(manifest[column]).min()
    return split, manifest, {str(image[digest]) for digest in given.values()}


# --- several images of a patient


def coins(
    bought: Callable[..., pd.DataFrame] = experiments.random_label_experiment,
    seeds: Sequence[int] = range(SEEDS),
    null_seeds: Sequence[int] = range(NULL_SEEDS),
) -> pd.DataFrame:
    """Toss a coin for each patient and see what image-level splits gain by it.

    Parameters
    ----------
    bought
        As `covidcxr.validity.leakage.experiments.random_label_experiment`.
    seeds
        Of the cohorts, which share no patient, so that intervals over them are honest.
    null_seeds
        Of those with one image a patient.
    """
    rows = []
    for mean in PER_PATIENT:
        gain: dict[str, list[float]] = {model: [] for model in models.QUICK}
        for seed in null_seeds if mean == min(PER_PATIENT) else seeds:
            cohort = TOSSED.model_copy(update={"seed": seed, "images_per_patient": mean})
            frame, pixels = phantom.generate(cohort)
            seen = models.features(pixels)
            runs = bought(
                {model: seen[model] for model in models.QUICK},
                frame["group_id"].to_numpy(dtype=str),
                seeds=range(TOSSES),
            )
            table = summaries.score_inflation(runs, "accuracy")
            for model in models.QUICK:
                gain[model].append(float(table.loc[model, "value"]))  # type: ignore[arg-type]
        for model, values in gain.items():
            sure = 1 - LEVEL if mean == min(PER_PATIENT) else CONFIDENCE
            rows.append(_mean("gain", values, "leakage", "patients", model, mean, sure))
    return pd.DataFrame(rows)


# --- probes


def probes(
    area_of: Callable[..., intervals.Interval] = shortcuts.area_of,
    variants: Iterable[tuple[str, str]] | None = None,
    strengths: Sequence[float] = STRENGTHS,
    seeds: Mapping[float, int] | None = None,
) -> pd.DataFrame:
    """Let the acquisition follow the class, without any disease, and ask every probe of pixels.

    Parameters
    ----------
    area_of
        As `covidcxr.validity.shortcuts.area_of`.
    variants
        Names of probes and of their variants; all that see pixels where left out.
    strengths
        How tightly the acquisition follows the class.
    seeds
        How many cohorts by strength; `NULL_SEEDS` at 0 and `SEEDS` elsewhere.
    """
    asked = list(_variants("metadata") if variants is None else variants)
    rows: list[dict[str, Any]] = []
    for strength in strengths:
        number = (seeds or {0.0: NULL_SEEDS}).get(strength, SEEDS)
        cohorts = [_sample({"confounder": strength, "seed": seed}) for seed in range(number)]
        for probe, variant in asked:
            found = [_asked(area_of, probe, variant, sample) for sample in cohorts]
            rows += _areas(found, probe, SHORTCUT, variant, strength)
    return pd.DataFrame(rows)


def files(
    area_of: Callable[..., intervals.Interval] = shortcuts.area_of,
    strengths: Sequence[float] = STRENGTHS,
    seeds: Mapping[float, int] | None = None,
) -> pd.DataFrame:
    """Let the files' size, shape and format, or their being known, follow the class.

    Parameters and returns as for `probes`. No pixel is drawn: the probe sees none.
    """
    rows: list[dict[str, Any]] = []
    for strength in strengths:
        number = (seeds or {0.0: NULL_SEEDS}).get(strength, SEEDS)
        for variant, planted in (("known", FILES), ("missingness", MISSING)):
            found = [
                _asked(area_of, "metadata", variant, _filed(strength, seed, planted))
                for seed in range(number)
            ]
            rows += _areas(found, "metadata", planted, variant, strength)
    return pd.DataFrame(rows)


def disease(
    area_of: Callable[..., intervals.Interval] = shortcuts.area_of,
    variants: Iterable[tuple[str, str]] | None = None,
    number: int = DISEASE_SEEDS,
) -> pd.DataFrame:
    """Plant the disease alone, which lies in the lungs, and ask every probe of pixels.

    Parameters
    ----------
    area_of, variants
        As for `probes`.
    number
        Of cohorts.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`; besides what `probes` measures, for probes of places the mean
        share of the true lungs that is ``lung in sight``.
    """
    cohorts = [_sample({"severity": SEVERITY, "seed": seed}) for seed in range(number)]
    rows: list[dict[str, Any]] = []
    for probe, variant in _variants("metadata") if variants is None else variants:
        found = [_asked(area_of, probe, variant, sample) for sample in cohorts]
        rows += _areas(found, probe, DISEASE, variant, SEVERITY)
        if probe in ("border", "corners", "lungs"):
            seen = _lung_in_sight(probe, variant)
            rows.append(_mean("lung in sight", seen, probe, DISEASE, variant, SEVERITY))
    return pd.DataFrame(rows)


def _variants(*without: str) -> list[tuple[str, str]]:
    named = shortcuts.PROBES.items()
    return [(name, one) for name, probe in named if name not in without for one in probe.variants]


def _sample(changes: Mapping[str, Any]) -> Sample:
    return Sample(NAME, *phantom.generate(PROBED.model_copy(update=changes)))


def _filed(strength: float, seed: int, planted: str) -> Sample:
    """Describe files of two kinds, of which one goes with the class; a patient's are alike."""
    frame, _ = phantom.draw(PROBED.model_copy(update={"seed": seed}))
    sample = Sample(NAME, frame, np.zeros((len(frame), 8, 8), np.uint8))
    rng = np.random.default_rng([seed, 4])
    patient, number = np.unique(frame["group_id"].to_numpy(dtype=str), return_inverse=True)
    first = rng.random(len(patient))[number] < np.where(
        sample.positive, (1 + strength) / 2, (1 - strength) / 2
    )
    usual = first if planted == FILES else np.ones(len(frame), dtype=bool)
    width = np.where(usual, 1000, 2000) + rng.integers(0, 100, len(frame))
    height = np.where(usual, 1000, 1600) + rng.integers(0, 100, len(frame))
    table = frame.assign(
        original_width=pd.array(width, dtype="Int64"),
        original_height=pd.array(height, dtype="Int64"),
        original_bytes=pd.array(rng.integers(100_000, 200_000, len(frame)), dtype="Int64"),
        original_mode="L",
        original_format=np.where(usual, "JPEG", "PNG"),
    )
    if planted == MISSING:
        fields = [name for name in table.columns if name.startswith("original_")]
        for name in fields:
            table[name] = table[name].where(first)
    return Sample(NAME, table, sample.grey)


def _asked(
    area_of: Callable[..., intervals.Interval], probe: str, variant: str, sample: Sample
) -> intervals.Interval:
    group = sample.manifest["group_id"].to_numpy(dtype=str)
    return area_of(probe, variant, "logistic", sample, sample.positive, group, CONFIDENCE)


def _areas(
    found: Sequence[intervals.Interval], probe: str, planted: str, variant: str, strength: float
) -> list[dict[str, Any]]:
    above = [one.low > 0.5 for one in found]
    apart = [one.low > 0.5 or one.high < 0.5 for one in found]
    where = (probe, planted, variant, strength)
    return [
        _mean("auroc", [one.value for one in found], *where, 1 - LEVEL if not strength else 0.95),
        _share("power", above, *where),
        _share("false alarms", apart, *where),
    ]


def _lung_in_sight(probe: str, variant: str) -> NDArray[np.float64]:
    """Return the share of each patient's true lung that a probe's cells show."""
    frame, anatomy = phantom.draw(PROBED)
    masks = 255 * radiograph.lungs(anatomy, shortcuts.GRID).astype(np.uint8)
    seen, _ = shortcuts.features(probe, variant, Sample(NAME, frame, masks))
    whole = shrunk(masks, shortcuts.GRID).sum(axis=(1, 2), dtype=float)
    return np.asarray(seen.sum(axis=1) / whole, dtype=np.float64)


# --- the lung region


def region(cohort: PhantomCohort = SINGLE) -> pd.DataFrame:
    """Set the stated lung region against true lungs, of adults and of children."""
    frame, anatomy = phantom.draw(cohort)
    style = frame["planted_acquisition"].to_numpy(dtype=str)
    found = dict(zip(("covered", "lung"), lungs.coverage(anatomy), strict=True))
    return pd.DataFrame(
        [
            _mean(measure, values[style == name], "region", "lungs", name)
            for name in ("adult", "paediatric")
            for measure, values in found.items()
        ]
    )


# --- maps


def maps(
    shares_of: Callable[..., Mapping[str, NDArray[np.float64]]] | None = None, number: int = 12
) -> pd.DataFrame:
    """Give a small network one kind of evidence, at a known place, and ask where it lies.

    Parameters
    ----------
    shares_of
        Of a network and pixels returns maps that sum to 1, shape (n, GRID, GRID), by
        `covidcxr.networks.saliency.METHODS`; those of that module where left out.
    number
        Of pictures.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`: share of the evidence ``outside`` the lung region; without a mark,
        how often there is ``no map``. The last network reads one place of the picture
        instead of a mark: Grad-CAM averages its gradients over places and promises
        nothing about that, so that it is shown and does not decide.
    """
    ask = shares_of or _shares_of
    grey = phantom.generate(TOSSED.model_copy(update={"covid19": number, "normal": number}))[1]
    plain = np.repeat(grey[:number, :, :, None], 3, axis=3)
    marked = network(None)
    rows = []
    for planted, cell in ((CORNER, (0, 0)), (LUNG, (3, 2))):
        for method, shares in ask(marked, mark(plain, cell)).items():
            outside = saliency.outside(shares)
            rows.append(_mean("outside", outside, "saliency", planted, method))
        for method, shares in ask(network(cell), mark(plain, cell, (255, 255, 255))).items():
            outside = saliency.outside(shares)
            variant = f"{method}, {planted.split()[-1]}"
            rows.append(_mean("outside", outside, "saliency", PLACE, variant))
    for method, shares in ask(marked, plain).items():
        empty = np.isnan(shares).all(axis=(1, 2))
        rows.append(_share("no map", empty, "saliency", NOTHING, method))
    return pd.DataFrame(rows)


def mark(
    pixels: NDArray[np.uint8], cell: tuple[int, int], color: tuple[int, int, int] = (255, 0, 0)
) -> NDArray[np.uint8]:
    """Paint one cell of the maps' grid in pictures, shape (n, size, size, 3); red by default."""
    side = pixels.shape[1] // saliency.GRID
    row, column = (side * place for place in cell)
    painted = pixels.copy()
    painted[:, row : row + side, column : column + side] = color
    return painted


def network(cell: tuple[int, int] | None) -> keras.Model:
    """Build a network that calls COVID19 by what it is made to see.

    Parameters
    ----------
    cell
        The one cell of the grid whose brightness it reads; None: it reads red, anywhere.
    """
    import keras

    grid, stride = saliency.GRID, PATCH // saliency.GRID
    inputs = keras.Input((PATCH, PATCH, 3))
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Conv2D(1, 3, strides=stride, name="seen")(x)
    x = keras.layers.Conv2D(1, 1, name="pointwise")(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(2, activation="softmax", name="probabilities")(x)
    model = keras.Model(inputs, x)
    # The central pixel alone, so that grey is exactly nothing to a network that reads red.
    kernel = np.zeros((3, 3, 3, 1))
    kernel[1, 1, :, 0] = [1.0, -1.0, 0.0] if cell is None else [1 / 3] * 3
    places = np.full((grid, grid), 4.0)
    if cell is not None:
        places = np.zeros((grid, grid))
        places[cell] = 4.0
    dense = np.stack([np.zeros(grid * grid), places.ravel()], axis=1)
    model.get_layer("seen").set_weights([kernel, np.zeros(1)])
    model.get_layer("pointwise").set_weights([np.ones((1, 1, 1, 1)), np.zeros(1)])
    model.get_layer("probabilities").set_weights([dense, np.zeros(2)])
    return model


def _shares_of(model: keras.Model, pixels: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
    seen, score = saliency.gradcam(model, pixels, len(pixels))
    hidden = saliency.occlusion(saliency.reader(model, len(pixels)), pixels, score)
    return {
        "gradcam": saliency.normalised(seen),
        "occlusion": saliency.normalised(hidden),
    }


# --- the verdicts


def criteria(table: pd.DataFrame) -> pd.DataFrame:
    """Set what was measured against what is demanded.

    Parameters
    ----------
    table
        Columns `COLUMNS`.

    Returns
    -------
    DataFrame
        A row a demand: ``method``, ``demand``, ``found``, ``met``. What was not measured
        is not demanded, and a method of which nothing is demanded has not passed.
    """
    found = [
        {"method": row["method"], "demand": demand, "found": row["value"], "met": bool(met)}
        for row in table.to_dict("records")
        for demand, met in _demands(row, table)
    ]
    return pd.DataFrame(found, columns=["method", "demand", "found", "met"])


def _demands(row: Mapping[Any, Any], table: pd.DataFrame) -> list[tuple[str, bool]]:
    """Return what is demanded of one measure, and whether it is met; a NaN meets nothing."""
    value, low, high = row["value"], row["low"], row["high"]
    what = f"{row['planted']}, {row['variant']}: {row['measure']}"
    match row["method"], row["measure"]:
        case "duplicates", "recall" if row["planted"] == "copies" and row["variant"] != "all kinds":
            return [(f"{what} at least {RECALL}", value >= RECALL)]
        case "duplicates", "false alarms" if row["variant"] == "different patients":
            return [(f"{what} below {FALSE_ALARMS:g}, upper limit", high < FALSE_ALARMS)]
        case "overlap", "recall":
            return [(f"{what} 1 at {row['strength']:g}", value == 1)]
        case "overlap", "false alarms":
            return [(f"{what} 0 at {row['strength']:g}", value == 0)]
        case "leakage", "gain" if row["strength"] == min(PER_PATIENT):
            return [(f"{what} 0 within the interval", low <= 0 <= high)]
        case "leakage", "gain" if row["strength"] == max(PER_PATIENT):
            return [(f"{what} above 0", low > 0)]
        case "saliency", "outside" if row["planted"] == CORNER:
            return [(f"{what} at least {INSIDE}", value >= INSIDE)]
        case "saliency", "outside" if row["planted"] == LUNG:
            return [(f"{what} at most {1 - INSIDE:.1f}", value <= 1 - INSIDE)]
        case "saliency", "no map":
            return [(f"{what} always", value == 1)]
    if row["method"] not in shortcuts.PROBES:
        return []
    if row["planted"] == DISEASE:
        return _of_disease(row, what, table)
    at = f"{what} at {row['strength']:g}"
    match row["measure"], row["strength"]:
        case "false alarms", 0:
            return [(f"{at} as by chance", _by_chance(row))]
        case "auroc", 0:
            return [(f"{at} 0.5 within the interval", low <= 0.5 <= high)]
        case "power", 1:
            return [(f"{at} at least {POWER}", value >= POWER)]
    return []


def _of_disease(row: Mapping[Any, Any], what: str, table: pd.DataFrame) -> list[tuple[str, bool]]:
    if (row["method"], row["variant"], row["measure"]) == ("lungs", "only", "power"):
        return [(f"{what} at least {POWER}", row["value"] >= POWER)]
    here = (table["method"] == row["method"]) & (table["variant"] == row["variant"])
    sight = table.loc[here & (table["measure"] == "lung in sight"), "value"]
    if row["measure"] == "false alarms" and len(sight) and sight.iloc[0] <= shortcuts.UNSEEN:
        return [(f"{what} as by chance", _by_chance(row))]
    return []


def _by_chance(row: Mapping[Any, Any]) -> bool:
    """Tell whether intervals of 95 % miss the truth as often, with a probability of `LEVEL`."""
    hits = round(row["value"] * row["n"])
    return bool(stats.binom.sf(hits - 1, row["n"], 1 - CONFIDENCE) >= LEVEL)


# --- rows


def _share(
    measure: str,
    hits: ArrayLike,
    method: str,
    planted: str,
    variant: str,
    strength: float = float("nan"),
) -> dict[str, Any]:
    """Return a share with the limits of Clopper and Pearson."""
    which = np.asarray(hits, dtype=bool)
    n, number = len(which), int(which.sum())
    low, high = proportions.clopper_pearson(number, n, CONFIDENCE) if n else (np.nan, np.nan)
    return _row(
        measure, method, planted, variant, strength, n, number / n if n else np.nan, low, high,
        CONFIDENCE,
    )  # fmt: skip


def _mean(
    measure: str,
    values: ArrayLike,
    method: str,
    planted: str,
    variant: str,
    strength: float = float("nan"),
    confidence: float = CONFIDENCE,
) -> dict[str, Any]:
    """Return a mean with the limits of Student; they coincide where all values are equal."""
    known = np.asarray(values, dtype=float)
    n, mean = len(known), float(known.mean())
    reach = float(stats.t.ppf((1 + confidence) / 2, n - 1) * known.std(ddof=1) / np.sqrt(n))
    return _row(
        measure, method, planted, variant, strength, n, mean, mean - reach, mean + reach, confidence
    )


def _row(
    measure: str, method: str, planted: str, variant: str, strength: float, n: int,
    value: float, low: float, high: float, confidence: float,
) -> dict[str, Any]:  # fmt: skip
    return {
        "method": method, "planted": planted, "variant": variant, "strength": strength,
        "measure": measure, "n": n, "value": value, "low": low, "high": high,
        "confidence": confidence,
    }  # fmt: skip

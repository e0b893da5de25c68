"""What can be computed about a claim of the paper, one method a kind of claim.

A check takes the claim's arguments from the ledger and returns a `Finding`: the
verdict that follows, and why in one or two sentences with the numbers it rests on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from covidcxr.core import records
from covidcxr.core.studies import POSITIVE, TITLES, ModelName
from covidcxr.core.words import listing
from covidcxr.networks import complexity, pointwise
from covidcxr.paper import audit, class_sizes, forensics, publication, reproduction
from covidcxr.paper.audit import printed, verdicts
from covidcxr.paper.audit.scores import word
from covidcxr.paper.audit.text import p_range, p_value
from covidcxr.paper.publication import Number
from covidcxr.scores import comparison, metrics
from covidcxr.scores.metrics import CELLS
from covidcxr.validity import leakage

HOLDS = "holds"
CORRECTED = "holds after correction"
CONTRADICTED = "contradicted"
IMPOSSIBLE = "impossible"
UNVERIFIABLE = "not verifiable from the paper"
REPRODUCED = "reproduced"
NOT_REPRODUCED = "not reproduced"

VERDICTS = (
    HOLDS, CORRECTED, CONTRADICTED, IMPOSSIBLE, UNVERIFIABLE, REPRODUCED, NOT_REPRODUCED,
)  # fmt: skip
"""What can be said of a claim."""

_OF_A_PRINT = {
    "exact": HOLDS,
    "truncated": CORRECTED,
    "mislabelled": CORRECTED,
    "impossible": IMPOSSIBLE,
    "inconsistent": CONTRADICTED,
    "possible": UNVERIFIABLE,
}

_NOVEL: ModelName = "resnet252v2"


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes
    ----------
    verdict
        One of `VERDICTS`.
    reason
        Why, with numbers.
    severity
        What hangs on it, where that is less than the ledger says.
    """

    verdict: str
    reason: str
    severity: str | None = None


class Checks:
    """The checks, on the paper as data and on the records of a results folder.

    Parameters
    ----------
    results
        Where run records lie.
    """

    def __init__(self, results: Path) -> None:
        self.results = results

    @cached_property
    def report(self) -> dict[str, Any]:
        """The audit of the paper's tables."""
        return audit.audit(audit.parse(publication.reported(), "the paper"))

    def _table(self, model: str) -> dict[str, Any]:
        return next(t for t in self.report["tables"] if t["name"] == TITLES[model])  # type: ignore[index]

    def _cells(self, model: str) -> list[int]:
        """Return tp, fn, fp, tn in the reading that was decided."""
        table = self._table(model)
        return [table["cells"][table["reading"]][cell] for cell in CELLS]

    def _scores(self, model: str) -> dict[str, float]:
        table = self._table(model)
        return dict(table["scores"][table["reading"]])

    # --- printed scores

    def printed_value(self, number: str) -> Finding:
        """Set a printed score of a network against its matrix."""
        found = _number(number)
        assert found.of and found.score
        value = printed.parse(_as_printed(found))
        verdict = verdicts.judge(found.score, value, self._cells(found.of))
        minor = "minor" if verdict.verdict == "truncated" else None
        return Finding(_OF_A_PRINT[verdict.verdict], verdict.note, minor)

    def one_accuracy(self, model: str) -> Finding:
        """Ask whether all printed accuracies of a network are one fraction, rounded."""
        rows = self._table(model)["reported"]["accuracy"]
        wrong = [f"{r['printed']} is {r['verdict']}" for r in rows if r["verdict"] != "exact"]
        prints = listing(list(dict.fromkeys(r["printed"] for r in rows)))
        tp, fn, fp, tn = self._cells(model)
        said = f"Printed are {prints}; the matrix gives {tp + tn}/{tp + fn + fp + tn}"
        if not wrong:
            return Finding(HOLDS, f"{said}, which rounds to each.")
        broken = any(r["verdict"] in ("impossible", "inconsistent") for r in rows)
        listed = listing(list(dict.fromkeys(wrong)))
        return Finding(CONTRADICTED if broken else CORRECTED, f"{said}: {listed}.")

    def average_accuracy(self, number: str) -> Finding:
        """Set "average accuracy over both classes" against accuracy and balanced accuracy."""
        found = _number(number)
        assert found.of
        value = printed.parse(_as_printed(found))
        scores = self._scores(found.of)
        labelled = self._table(found.of)["scores"]["as_printed"]["balanced_accuracy"]
        plain, balanced = scores["accuracy"], scores["balanced_accuracy"]
        holds = value.match(plain) == value.match(balanced) == "exact"
        return Finding(
            HOLDS if holds else CONTRADICTED,
            f"Accuracy is {_percent(plain, 2)}; the mean of both classes, the balanced accuracy, "
            f"is {_percent(balanced, 2)} with rows as the truth and {_percent(labelled, 2)} as "
            "labelled.",
        )

    def rows_label(self) -> Finding:
        """Ask whether the rows of the tables are the model's decision, as labelled."""
        verdict = {"as_printed": HOLDS, "transposed": CONTRADICTED}
        return Finding(
            verdict.get(self.report["orientation"], UNVERIFIABLE), str(self.report["reason"])
        )

    def quoted_score(self, table: str, score: str) -> Finding:
        """Set a score that the survey quotes from Panwar et al. against its test set."""
        report = audit.audit(audit.parse(audit.example("panwar"), "panwar"))
        row = next(t for t in report["tables"] if t["name"] == table)["reported"][score]
        positive, negative = report["test_set"]
        return Finding(
            _OF_A_PRINT[row["verdict"]],
            f"With {positive} + {negative} test images, as inferred: {row['note']}",
        )

    # --- counts

    def test_images(self, number: str) -> Finding:
        """Set the size of the test part against the sums of the matrices."""
        said = _number(number)
        sums = {int(np.sum(t["matrix"])) for t in self.report["tables"]}
        listed = listing([f"{s:,}" for s in sorted(sums)])
        same = sums == {int(said.value)}
        return Finding(HOLDS if same else CONTRADICTED, f"Each matrix sums to {listed} images.")

    def train_images(self, train: str, test: str) -> Finding:
        """Ask whether a held-out fifth of each class gives the sizes of both parts."""
        counts = class_sizes.printed_counts()
        sizes, positive, negative = counts[:2], counts.covid_test, counts.normal_test
        left = class_sizes.pairs_by_rule(counts)
        give = (
            f"give {sizes[0]:,} and {sizes[1]:,} with {positive} and {negative} held out, where "
            "the test part is a fifth of each class"
        )
        if not (left["down"] or left["nearest"]):
            return Finding(CONTRADICTED, f"No classes {give}.")
        down, more = (
            listing([f"{p:,} + {n:,}" for p, n in pairs] or ["none"])
            for pairs in (left["down"], [p for p in left["nearest"] if p not in left["down"]])
        )
        return Finding(
            HOLDS,
            f"It is consistent: classes of {down} images {give}, rounded down; rounded to the "
            f"nearest, {more} do as well.",
        )

    def images_evaluated(self, number: str, parts: Sequence[str]) -> Finding:
        """Set the images of the evaluation against the parts that the methods name."""
        said = _number(number)
        sizes = [int(_number(part).value) for part in parts]
        total = sum(sizes)
        counts = listing([f"{n:,}" for n in sizes])
        same = int(said.value) in (*sizes, total)
        return Finding(
            HOLDS if same else CONTRADICTED,
            f"The parts hold {counts} images, {total:,} together; {said.printed} is "
            f"{said.value / total:.2f} times that and follows from nothing in the text.",
        )

    def evaluated_share(self, number: str, parts: Sequence[str]) -> Finding:
        """Set the share on which a network was evaluated against its matrix."""
        said = _number(number)
        assert said.of
        n, total = sum(self._cells(said.of)), sum(_number(part).value for part in parts)
        same = abs(n / total - said.value) < 0.005
        return Finding(
            HOLDS if same else CONTRADICTED,
            f"Its matrix holds {n:,} of {total:,.0f} images, {_percent(n / total, 2)}; "
            f"{said.printed}% would be {said.value * total:,.0f}.",
        )

    def agree(self, numbers: Sequence[str]) -> Finding:
        """Ask whether several places print the same number."""
        found = [_number(number) for number in numbers]
        same = len({n.value for n in found}) == 1
        listed = listing([f"{_as_printed(n)} ({n.place})" for n in found])
        return Finding(HOLDS if same else CONTRADICTED, f"Printed are {listed}.")

    def shares_sum(self, numbers: Sequence[str]) -> Finding:
        """Ask whether the parts of a data set make the whole."""
        shares = [_number(number) for number in numbers]
        total = sum(n.value for n in shares)
        listed = " + ".join(n.printed for n in shares)
        said = f"{listed} = {100 * total:.0f}%"
        if abs(total - 1) < 1e-9:
            return Finding(HOLDS, f"{said}.")
        if total > 1:
            return Finding(CORRECTED, f"{said}; parts that overlap could have such shares.")
        return Finding(CONTRADICTED, f"{said}.")

    def one_set_fits(self) -> Finding:
        """Ask which public data sets have the class sizes that the counts demand."""
        left = class_sizes.pairs_by_rule(class_sizes.printed_counts())
        sets = class_sizes.fitting(sorted({pair for pairs in left.values() for pair in pairs}))
        fitting = [data.title for data in sets]
        classes = [len({label for part in data.parts.values() for label in part}) for data in sets]
        left_out = f" It has {classes[0]} classes, of which two were used." if classes else ""
        return Finding(
            UNVERIFIABLE,
            "The paper names no set. By its counts, of those compared "
            f"{listing(fitting) if fitting else 'none'} fits.{left_out}",
        )

    def shared_patients(self) -> Finding:
        """Count held-out images whose patient is also trained on, by the committed record."""
        found = forensics.record(None, self.results)
        shared, held = found["shared"]["keras"], found["held_out"]
        low, high = found["shared"]["random"]["low"], found["shared"]["random"]["high"]
        return Finding(
            REPRODUCED if shared else NOT_REPRODUCED,
            f"If set and split are the ones inferred: {shared} of the {held} COVID-19 images held "
            f"out share a patient's id with an image trained on; {found['resamples']:,} random "
            f"stratified splits give {low:.0f} to {high:.0f} (95% of them).",
        )

    def overlap_gain(self, study: str) -> Finding:
        """Say what patients on both sides of a split bought on a study's images.

        The record is of simple models. Whatever they gain decides nothing of the paper's networks.
        """
        said = (
            "The paper has no test without the overlap that it grants. In the studies cited such "
            "an overlap raised accuracy by tens of points"
        )
        folder = self.results / study / leakage.NAME
        if not (folder / "record.json").is_file():
            return Finding(UNVERIFIABLE, f"{said}; no run recorded here says by how much in this.")
        made = records.read(folder)
        runs, doses = made.table("splits"), made.table("doses")
        split = leakage.gained(runs[runs["tier"] == "all"], "accuracy")
        told = f"an image-level split raised that of {_raised(split, ' simple models')}"
        if not doses.empty:
            rise = leakage.slopes(doses, "accuracy").query("labels == 'truth'")
            told += (
                f", training on all instead of none of the tested groups that of {_raised(rise)}"
            )
        return Finding(
            UNVERIFIABLE,
            f"{said}. On the images of the study {study} {told}. What it did for the paper's "
            "networks is not known.",
        )

    # --- formulas and definitions

    def formula(self, score: str) -> Finding:
        """Set a printed formula against the score's definition, on random matrices."""
        (equation,) = (e for e in publication.paper().equations if e.score == score)
        cells = np.random.default_rng(0).integers(1, 500, size=(1000, 4))
        tp, fn, fp, tn = cells.T
        known = metrics.score(cells)
        table = pd.DataFrame({"TP": tp, "FN": fn, "FP": fp, "TN": tn, "Precision": known["ppv"],
                              "Recall": known["sensitivity"]}, dtype=float)  # fmt: skip
        theirs = np.asarray(table.eval(equation.formula), dtype=float)
        ours = {"precision": "ppv", "recall": "sensitivity"}
        right = bool(np.allclose(theirs, known[ours.get(score, score)]))
        label = equation.label and equation.label.lower()
        if right and label == score:
            return Finding(HOLDS, f"It equals the {score} on {len(cells):,} random matrices.")
        if right and label is None:
            return Finding(HOLDS, f"Its words equal the {score}; no equation is printed for it.")
        if right:
            said = f"The right-hand side is the {word(score)}; its label is {equation.label}."
            return Finding(CORRECTED, said)
        return Finding(CONTRADICTED, f"It is not the {score}.")

    def equation_numbers(self) -> Finding:
        """Ask whether the equations are numbered without a gap."""
        printed_ = [int(e.number) for e in publication.paper().equations if e.number]
        gaps = sorted(set(range(1, max(printed_) + 1)) - set(printed_))
        listed = listing([f"({n})" for n in gaps]) if gaps else "none"
        return Finding(CONTRADICTED if gaps else HOLDS, f"Missing: {listed}.")

    def defined_scores(self) -> Finding:
        """Ask whether every reported score is defined."""
        defined = {e.score for e in publication.paper().equations}
        reported = {s for t in publication.tables().values() for s in t.printed}
        missing = [word(s) for s in sorted(reported - defined)]
        if not missing:
            return Finding(HOLDS, "Every reported score is defined.")
        return Finding(CONTRADICTED, f"Reported without a definition: {listing(missing)}.")

    def cell_definitions(self) -> Finding:
        """Set the words for the four cells against their names."""
        wrong = [
            c.name
            for c in publication.paper().cells
            if (c.name[1] == "P") != (c.predicted == POSITIVE)
            or (c.name[0] == "T") != (c.predicted == c.actual)
        ]
        said = f"{listing(wrong)} differ" if wrong else "All four are the usual ones"
        return Finding(CONTRADICTED if wrong else HOLDS, f"{said}; COVID-19 is positive.")

    def f1_maximum(self, number: str) -> Finding:
        """Ask whether F1 is at most the printed value, and there only without an error."""
        found = _number(number)
        tp, fn, fp = np.meshgrid(np.arange(1, 31), np.arange(31), np.arange(31))
        f1 = metrics.score(np.stack([tp, fn, fp, tp], axis=-1))["f1"]
        perfect = (fn == 0) & (fp == 0)
        holds = f1.max() == found.value and bool(((f1 == found.value) == perfect).all())
        said = f"The largest F1 is {f1.max():.0f}, reached only without any error."
        return Finding(HOLDS if holds else CONTRADICTED, said)

    def metric_list(self, place: str) -> Finding:
        """Set the scores that a section announces against those of its table."""
        (listed,) = (m for m in publication.paper().metric_lists if m.place == place)
        (table,) = (t for t in publication.tables().values() if t.place == listed.table)
        twice = [s for s, n in Counter(listed.scores).items() if n > 1]
        missing = [word(s) for s in table.printed if s not in listed.scores]
        faults = [f"names {listing(twice)} twice"] if twice else []
        faults += [f"leaves out {listing(missing)}"] if missing else []
        if not faults:
            return Finding(HOLDS, "The list is that of the table.")
        return Finding(CORRECTED, f"The list {' and '.join(faults)}.")

    # --- cross-references and citations

    def cross_reference(self, place: str, printed: str) -> Finding:
        """Ask whether what is pointed to exists and is about the same network."""
        paper = publication.paper()
        (pointer,) = (p for p in paper.cross_references if (p.place, p.printed) == (place, printed))
        if pointer.kind == "section":
            return _section_reference(pointer)
        if pointer.kind == "table":
            found = [
                t for t in publication.tables().values() if t.place == f"Table {pointer.number}"
            ]
            right = bool(found) and found[0].model == pointer.of
            return Finding(
                HOLDS if right else CONTRADICTED, f"Table {pointer.number} is of that network."
            )
        if not pointer.panels:
            return Finding(
                CONTRADICTED,
                "No figure is named, and no caption of the six speaks of a confusion matrix.",
            )
        owners = {}
        for figure in paper.figures:
            for panel in figure.panels or ("",):
                owners[figure.number + panel] = figure.of
        wrong = [p for p in pointer.panels if p not in owners]
        subject = {p for p, of in owners.items() if pointer.of in (None, of)}
        other = [p for p in pointer.panels if p in owners and p not in subject]
        same = [p for p, n in Counter(pointer.panels).items() if n > 1]
        if not (wrong or other or same):
            return Finding(
                HOLDS, f"{printed.removeprefix('see ')}: there, and on this subject by caption."
            )
        about = f"{listing(other)} shows another network. " if other else ""
        twice = f"{listing(same)} is named twice. " if same else ""
        meant = listing(sorted(p for p in subject if p[-1].isalpha()))
        return Finding(CORRECTED, f"{about}{twice}Meant are {meant}.")

    def citation_order(self) -> Finding:
        """Ask whether references are numbered in the order of their first citation."""
        numbers = [int(c.reference) for c in publication.paper().citations if c.reference]
        seen = list(dict.fromkeys(numbers))
        said = ", ".join(map(str, seen))
        return Finding(
            HOLDS if seen == sorted(seen) else CONTRADICTED, f"First cited in the order {said}."
        )

    def every_reference_cited(self) -> Finding:
        """Ask whether every entry of the reference list is cited."""
        paper = publication.paper()
        cited = {c.reference for c in paper.citations}
        left = [f"[{r.number}]" for r in paper.references if r.number not in cited]
        if not left:
            return Finding(HOLDS, "Every entry is cited.")
        bare = [c.place for c in paper.citations if not c.reference]
        said = f"Never cited: {listing(left)}."
        if bare:
            said += f" A source without its number is cited in {listing(bare)}."
        return Finding(CONTRADICTED, said)

    def repeated_authors(self) -> Finding:
        """Ask whether any reference names an author twice."""
        twice = [
            f"[{r.number}] {name}"
            for r in publication.paper().references
            for name, n in Counter(r.authors).items()
            if n > 1
        ]
        if not twice:
            return Finding(HOLDS, "No name stands twice.")
        return Finding(
            UNVERIFIABLE,
            f"Twice in one list: {listing(twice)}; two authors may share the name.",
        )

    def findable_references(self) -> Finding:
        """Ask whether every article's entry gives volume and pages."""
        # A web site has neither volume nor pages.
        articles = [r for r in publication.paper().references if not r.url]
        bare = [f"[{r.number}]" for r in articles if not (r.volume and r.pages)]
        if not bare:
            return Finding(HOLDS, "Every entry has volume and pages.")
        return Finding(CORRECTED, f"Volume or pages are missing in {listing(bare)}.")

    # --- networks

    def depth(self, number: str) -> Finding:
        """Set a network's printed depth against its published layout."""
        said = _number(number)
        found = complexity.published_depth(int(said.value))
        blocks = " + ".join(map(str, complexity.STAGES[int(said.value)]))
        return Finding(
            HOLDS if found == said.value else CONTRADICTED,
            f"Stem, three layers in each of {blocks} blocks, and classifier: {found}.",
        )

    def depth_sum(self, name: str, parts: Sequence[str]) -> Finding:
        """Set the number in a joined network's name against the depths that it joins."""
        said = _number(name)
        depths = [int(_number(part).value) for part in parts]
        total = sum(depths)
        return Finding(
            HOLDS if total == said.value else CONTRADICTED,
            f"{' + '.join(map(str, depths))} = {total}, not {said.printed}; and only one of the "
            "two is of the second version.",
        )

    def less_than(self, smaller: str, larger: str) -> Finding:
        """Ask whether a network can have fewer layers than the one that it contains."""
        part, whole = _number(larger), _number(smaller)
        fits = whole.value >= part.value
        return Finding(
            HOLDS if fits else CONTRADICTED,
            f"A model of {whole.printed} layers cannot contain one of {part.printed}.",
        )

    def same_network(self, number: str, meant: str) -> Finding:
        """Ask whether two places name the same network by its depth."""
        said, other = _number(number), _number(meant)
        if said.value == other.value:
            return Finding(HOLDS, f"Both say {said.printed}.")
        return Finding(
            CORRECTED,
            f"There is no {said.printed}-layer network in the comparison; the text before it "
            f"speaks of {other.printed} layers.",
        )

    def operations(self, number: str, image_size: str) -> Finding:
        """Set the printed operations of ResNet50 against its layers."""
        said, size = _number(number), int(_number(image_size).value)
        at_224, here = (
            complexity.published_multiply_adds(50, pixels) / 1e9 for pixels in (224, size)
        )
        close = abs(at_224 - said.value / 1e9) < 0.1
        return Finding(
            CORRECTED if close else CONTRADICTED,
            f"Its authors print {said.printed} billion multiply-adds, at 224 pixels; counted here, "
            f"{at_224:.2f} there and {here:.2f} at {size}. It is a cost, not a performance.",
        )

    def equal_maps(self, image_size: str) -> Finding:
        """Ask whether both backbones end in feature maps of one shape."""
        size = int(_number(image_size).value)
        side, channels = complexity.final_side(size), complexity.FINAL_CHANNELS
        return Finding(
            HOLDS,
            f"Both halve the {size} pixels five times and end in {channels:,} channels: "
            f"{side} x {side} x {channels:,} each.",
        )

    def pointwise(self, filters: str, image_size: str) -> Finding:
        """Ask whether the convolution without activation lets a linear head do more."""
        side = complexity.final_side(int(_number(image_size).value))
        rank = pointwise.rank_bound(side * side, 2)
        wide = int(_number(filters).value)
        narrows = wide < rank
        return Finding(
            UNVERIFIABLE,
            "The paper trains no network without this layer; small runs of this edition do and do "
            "not decide it. Before a linear classifier, which the paper leaves open, it "
            f"{'narrows' if narrows else 'adds nothing to'} what can be expressed: {side} x {side} "
            f"places and two classes have rank {rank} at most, the layer {wide:,} filters. It may "
            "change the course of training.",
        )

    # --- comparisons

    def better(self, model: str, than: str) -> Finding:
        """Ask whether the matrices tell two networks apart, whatever the single decisions."""
        names = {TITLES[model], TITLES[than]}  # type: ignore[index]
        (pair,) = (p for p in self.report["pairs"] if {p["a"], p["b"]} == names)
        right = {m: int(self._cells(m)[0] + self._cells(m)[3]) for m in (model, than)}
        n = sum(self._cells(model))
        low, high = pair["all"]["p"]
        few, many = pair["all"]["discordant"]
        said = (
            f"{right[model]} against {right[than]} of {n} right; over all "
            f"{pair['all']['feasible']} feasible counts of discordant images ({few} to {many}) "
            f"the exact McNemar p is {p_range(low, high)}"
        )
        if right[model] <= right[than]:
            return Finding(CONTRADICTED, f"{said}.")
        if high < comparison.LEVEL:
            return Finding(HOLDS, f"{said}, for one training of each.")
        limit = pair["all"]["significant_up_to"]
        return Finding(
            UNVERIFIABLE, f"{said}: below 0.05 only if at most {limit} images are discordant."
        )

    def best_throughout(self) -> Finding:
        """Ask whether the joined network comes first in every printed score."""
        tables = publication.tables()
        behind = [
            word(score)
            for score, value in tables[_NOVEL].printed.items()
            if any(
                float(other.printed[score]) >= float(value)
                for model, other in tables.items()
                if model != _NOVEL
            )
        ]
        if behind:
            return Finding(CONTRADICTED, f"Not in {listing(behind)}.")
        return Finding(
            HOLDS,
            "It leads in all six printed scores, under either reading, after one training each; "
            "what a repetition changes is not shown.",
        )

    def beats_baseline(self, model: str) -> Finding:
        """Ask whether any test finds a network better than the majority class every time.

        To be better than one trivial answer is not to do well, for which the paper states no bar.
        Not to be found better by any test is not to do well by every score.
        """
        base, scores = self._table(model)["baseline"], self._scores(model)
        accuracy, paired = scores["accuracy"], base["paired"]
        tests = (paired["p"], base["binomial_p"])
        better = accuracy > base["accuracy"]
        told = sum(p < comparison.LEVEL for p in tests) if better else 0
        find = ("Neither test finds", "One of the two tests finds", "Both tests find")[told]
        bar = (
            "Accuracy against this one answer is all that was tested, and the paper does not say "
            "what well means"
            if told
            else "By accuracy, then, nothing shows it to do better than an answer that needs no "
            "image, and the claim is of every score"
        )
        return Finding(
            UNVERIFIABLE if told else CONTRADICTED,
            f"Accuracy {_percent(accuracy, 2)}; always answering normal has "
            f"{_percent(base['accuracy'], 2)}. McNemar's exact test on the same images, where it "
            f"is better on {paired['better']} and worse on {paired['worse']}: p "
            f"{p_value(tests[0])}, two-sided. Binomial test against that share: p "
            f"{p_value(tests[1])}, one-sided. {find} it better than that answer. {bar}. Of its "
            f"positive answers {_percent(1 - scores['ppv'], 0)} are false.",
        )

    def tells_apart(self, model: str) -> Finding:
        """Ask whether a network's decisions depend on the class at all."""
        tp, fn, fp, tn = self._cells(model)
        p = float(stats.fisher_exact([[tp, fn], [fp, tn]]).pvalue)
        s = self._scores(model)
        return Finding(
            HOLDS if p < comparison.LEVEL else UNVERIFIABLE,
            f"Sensitivity {_percent(s['sensitivity'], 2)}, specificity "
            f"{_percent(s['specificity'], 2)} with rows as the truth (Fisher's exact p "
            f"{p_value(p)}). What it tells apart may be the sources.",
        )

    def fewer_false_positives(self) -> Finding:
        """Ask whether the joined network has fewer false positives than either other."""
        counts = {model: self._cells(model)[2] for model in TITLES}
        fewest = all(counts[_NOVEL] < n for m, n in counts.items() if m != _NOVEL)
        listed = listing([f"{n} ({TITLES[m]})" for m, n in counts.items()])
        ppv = self._scores(_NOVEL)["ppv"]
        return Finding(
            HOLDS if fewest else CONTRADICTED,
            f"False positives: {listed}, after one training each. Of ResNet252V2's positive "
            f"answers {_percent(1 - ppv, 1)} are still false.",
        )

    def screening(self) -> Finding:
        """Carry the joined network's PPV over to lower prevalences."""
        rows = self._table(_NOVEL)["predictive_values"]
        said = listing([f"{_percent(r['ppv'], 0)} at {_percent(r['prevalence'], 0)}" for r in rows])
        share = self._cells(_NOVEL)
        here = (share[0] + share[1]) / sum(share)
        return Finding(
            UNVERIFIABLE,
            "No cost, reader or patient was studied. With ResNet252V2's sensitivity and "
            f"specificity, of its positive answers would be right {said} prevalence; COVID-19 "
            f"images are {_percent(here, 0)} of the test part.",
        )

    # --- our own runs

    def reproduction(self, number: str) -> Finding:
        """Ask the run records that follow the paper's protocol."""
        said = _number(number)
        assert said.of
        following = [
            run
            for run in reproduction.real_trainings(self.results)
            if run["parameters"]["model"] == said.of and not reproduction.deviations(run)
        ]
        if not following:
            return Finding(UNVERIFIABLE, "No recorded training follows the paper's protocol.")
        inside = []
        for run in following:
            low, high = reproduction.interval(run)
            inside.append(low <= said.value <= high)
        share = f"{sum(inside)} of {len(inside)}"
        return Finding(
            REPRODUCED if all(inside) else NOT_REPRODUCED,
            f"{share} trainings by the paper's protocol have it within their 95% interval.",
        )


def _number(id: str) -> Number:
    return publication.numbers()[id]


def _as_printed(number: Number) -> str:
    return number.printed + ("%" if number.unit == "percent" else "")


def _section_reference(pointer: publication.Pointer) -> Finding:
    numbers = [s.number for s in publication.paper().sections]
    if pointer.number is None and "final" in pointer.printed:
        return Finding(HOLDS, f"Section {numbers[-1]} concludes.")
    if pointer.number is None:
        return Finding(CORRECTED, "The words stand in the introduction; section 3 is meant.")
    if pointer.number in numbers:
        return Finding(HOLDS, f"Section {pointer.number} exists.")
    arabic = {"I": "1", "II": "2", "III": "3", "IV": "4", "V": "5"}.get(pointer.number)
    return Finding(
        CORRECTED if arabic in numbers else CONTRADICTED,
        f"Headings have Arabic numbers; meant is section {arabic}.",
    )


def _raised(found: pd.DataFrame, what: str = "") -> str:
    """Count the models whose interval lies above zero, with the range of all."""
    low, high = 100 * found["value"].min(), 100 * found["value"].max()
    clear = int((found["low"] > 0).sum())
    return f"{clear} of {len(found)}{what} beyond chance ({low:+.1f} to {high:+.1f} points)"


def _percent(value: float, digits: int) -> str:
    return f"{100 * value:.{digits}f}%"

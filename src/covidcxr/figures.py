"""Figures, tables and badges of the book's pages."""

from __future__ import annotations

import base64
import html
import io
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from covidcxr import metrics, records
from covidcxr.cohort import Cohort
from covidcxr.config import TITLES, ModelName, Study
from covidcxr.intervals import Interval

WIDTH = 8.4
"""Inches: the width of a page's column, at which text in figures is as large as around them."""

KEPT = "application/papermill.record/"
"""What stands before the type of an output that is kept for prose and not shown."""

LINE, BETWEEN = 100, 2
"""Characters that fit side by side into a page's column, and what each cell takes besides."""

COLORS = {"COVID19": "#c1440e", "NORMAL": "#2a6f97"}
PARTS = {"train": "#6c757d", "validation": "#2a6f97", "test": "#c1440e"}
READINGS = {
    "printed": ("as the paper labels it", "#adb5bd", "o"),
    "corrected": ("the same matrix, rows as truth", "#6c757d", "s"),
    "ours": ("this study", "#c1440e", "D"),
}


class Html:
    """Markup for a page."""

    def __init__(self, text: str) -> None:
        self.text = text

    def _repr_html_(self) -> str:
        return self.text


class Picture:
    """A figure with a text alternative, for the web and for print.

    Parameters
    ----------
    figure
        Closed once it is drawn.
    alt
        What a reader who cannot see the figure is told.
    """

    def __init__(self, figure: Figure, alt: str) -> None:
        self.alt = alt
        self._svg, self._png = (_drawn(figure, kind) for kind in ("svg", "png"))
        plt.close(figure)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        data = base64.b64encode(self._svg).decode()
        image = f'<img class="figure" src="data:image/svg+xml;base64,{data}" alt="{_e(self.alt)}">'
        return {
            "text/html": image,
            "image/png": base64.b64encode(self._png).decode(),
            "text/plain": self.alt,
        }


def setup() -> None:
    """Set the look of a page, quiet TensorFlow, and send progress to standard error.

    A notebook that was opened by hand runs in the folder in which it lies; paths begin in the
    project's.
    """
    here = Path.cwd()
    os.chdir(next((f for f in (here, *here.parents) if (f / "_toc.yml").is_file()), here))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    logging.getLogger("covidcxr").setLevel(logging.INFO)
    sns.set_theme(context="notebook", style="whitegrid", font_scale=0.95)
    mpl.rcParams |= {
        "svg.hashsalt": "covidcxr",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "figure.constrained_layout.use": True,
    }


# --- what stands above every page


def badge(study: Study, *made: records.Record) -> Html:
    """Say of which study, cohort, commit and day a page is, and of which trainings if of any."""
    images = made[0]["images"] if made else {}
    trained = not made or any("model" in run["parameters"] for run in made)
    others = sorted({run.study for run in made} - {study.name})
    counts = _total(images)
    synthetic = study.cohort.source == "phantom"
    mark = (
        '<span class="mark">DEMO</span> Synthetic images: no number on this page is a finding.'
        if synthetic
        else '<span class="mark real">REAL IMAGES</span>'
    )
    built = records.commit()
    facts = {
        "Study": study.name,
        "Cohort": f"{study.cohort.source}, " + ", ".join(f"{n:,} {k}" for k, n in counts.items()),
    }
    if trained:
        facts |= {
            "Weights": {"none": "random at the start", "imagenet": "ImageNet"}.get(
                study.weights, "files from a folder"
            ),
            "Size": f"{study.image_size} px, {study.epochs} epochs, batches of {study.batch_size}",
        }
    if any(run.is_outdated for run in made):
        facts["Older method"] = "the code has changed since in a way that changes these numbers"
    if others:
        facts["Records made for"] = ", ".join(others)
    facts |= {
        "Recorded": ", ".join(sorted({f"{r.created:%Y-%m-%d}" for r in made})) or "not yet",
        "Code of the record": ", ".join(sorted({_short(r["commit"]) for r in made})) or "none",
        "Page built": f"{datetime.now(UTC):%Y-%m-%d} at {_short(built)}",
    }
    items = "".join(f"<div><dt>{_e(k)}</dt><dd>{_e(v)}</dd></div>" for k, v in facts.items())
    kind = "demo" if synthetic else "real"
    return Html(f'<aside class="badge-page {kind}"><p>{mark}</p><dl>{items}</dl></aside>')


def table(frame: pd.DataFrame, caption: str, formats: Mapping[str, str] | None = None) -> Html:
    """Show a frame as a table that scrolls instead of overflowing; a named index comes first."""
    if frame.empty:
        return note(f"{caption} There is no row to show.")
    shown = frame.reset_index() if frame.index.name else frame.copy()
    for column, pattern in (formats or {}).items():
        shown[column] = [("–" if pd.isna(v) else pattern.format(v)) for v in frame[column]]
    shown.columns = [str(column).replace("_", " ") for column in shown.columns]
    # Cells keep to one line unless that would make the table wider than the page.
    cells = shown.astype(str).to_numpy()
    lines = sum(BETWEEN + max(len(cell) for cell in column) for column in cells.T)
    classes = "numbers" if lines <= LINE else "numbers wordy"
    body = shown.to_html(index=False, border=0, na_rep="–", classes=classes, justify="left")
    body = body.replace("<thead>", f"<caption>{_e(caption)}</caption><thead>", 1)
    return Html(f'<div class="table-wrap" tabindex="0">{body}</div>')


def glue(**values: Any) -> None:
    """Keep values under their names, for the prose of this page and of others.

    Numbers become plain Python ones, which alone a page can format.
    """
    from IPython.core.formatters import format_display_data
    from IPython.display import display

    # The outputs of myst_nb.glue, without a second's import of what else that package does.
    for name, value in values.items():
        plain = value.item() if isinstance(value, np.generic) else value
        data, metadata = format_display_data(plain)
        kept = {"name": name, "mime_prefix": KEPT}
        hidden = {KEPT + kind: shown for kind, shown in data.items()}
        display(hidden, metadata=metadata | {"scrapbook": kept}, raw=True)


def heading(text: str) -> Html:
    """Show a heading inside a page's output."""
    return Html(f'<h3 class="within">{_e(text)}</h3>')


def note(text: str) -> Html:
    """Show a remark in place of something that is not there."""
    return Html(f'<p class="remark">{_e(text)}</p>')


def stack(*parts: Html) -> Html:
    """Show several pieces of markup under one another."""
    return Html("\n".join(part.text for part in parts))


# --- the cohort


def examples(cohort: Cohort | None, publish: bool, per_class: int = 4) -> Picture | Html:
    """Show the first images of each class, as the paper's Figure 2 does.

    Parameters
    ----------
    cohort
        The images, or None where they are not at hand.
    publish
        Whether their licences allow to show them.
    per_class
        How many of each class.

    Returns
    -------
    Picture or Html
        The images, or a remark that says why there are none.
    """
    if not publish:
        return note("The images of this cohort may not be redistributed and are not shown.")
    if cohort is None:
        return note("The images of this cohort are not at hand and cannot be shown.")
    rows = cohort.manifest.groupby("label").head(per_class)
    columns = min(per_class, len(rows))
    lines = -(-len(rows) // columns)
    figure, axes = plt.subplots(
        lines, columns, figsize=(WIDTH, 2.35 * lines * 4 / columns), squeeze=False
    )
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, place, row in zip(axes.flat, rows.index, rows.to_dict("records"), strict=False):
        axis.imshow(cohort.pixels[place], interpolation="none")
        age = "age unknown" if pd.isna(row["age"]) else f"{row['age']:.0f} years"
        axis.set_title(f"{row['label']}, {age}", fontsize=9, color=COLORS[row["label"]])
    told = " and ".join(f"{n} {label}" for label, n in rows["label"].value_counts().items())
    return Picture(figure, f"Examples of {told} radiographs.")


def categories(counts: pd.DataFrame, variables: Sequence[str]) -> Picture:
    """Draw the share of each category within each class, a panel a variable."""
    figure, axes = plt.subplots(1, len(variables), figsize=(WIDTH, 2.8), squeeze=False)
    for axis, variable in zip(axes.flat, variables, strict=True):
        rows = pd.DataFrame(counts[counts["variable"] == variable])
        top = rows.groupby("value")["n"].sum().nlargest(6).index
        rows["value"] = rows["value"].where(rows["value"].isin(top), "other")
        rows = rows.groupby(["value", "label"])["n"].sum().reset_index()
        rows["share"] = rows["n"] / rows.groupby("label")["n"].transform("sum")
        sns.barplot(rows, x="share", y="value", hue="label", palette=COLORS, ax=axis, legend=False)
        axis.set(title=_words(variable), xlabel="share of the class", ylabel="", xlim=(0, 1))
    _legend(figure, COLORS)
    names = ", ".join(_words(v) for v in variables)
    return Picture(figure, f"Bar charts of {names} by class, as shares of each class.")


def measures(counts: pd.DataFrame, variables: Sequence[str]) -> Picture:
    """Draw histograms of measures by class, a panel a variable."""
    there = [v for v in variables if (counts["variable"] == v).any()]
    figure, axes = plt.subplots(1, len(there), figsize=(WIDTH, 2.8), squeeze=False)
    for axis, variable in zip(axes.flat, there, strict=True):
        for label, rows in counts[counts["variable"] == variable].groupby("label"):
            total = max(rows["n"].sum(), 1)
            edges = np.append(rows["low"], rows["high"].iloc[-1])
            axis.stairs(rows["n"] / total, edges, fill=True, alpha=0.45, color=COLORS[str(label)])
        axis.set(
            title=_words(variable), xlabel=_UNITS.get(variable, ""), ylabel="share of known values"
        )
        axis.set_ylim(bottom=0)
        axis.locator_params(axis="x", nbins=4)
    _legend(figure, COLORS)
    return Picture(figure, f"Histograms of {', '.join(_words(v) for v in there)} by class.")


# --- trainings and scores


def learning_curves(history: pd.DataFrame, model: ModelName) -> Picture:
    """Draw loss and accuracy over the epochs, as the paper's Figures 3 to 5 do."""
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.2))
    last = history[history["epoch"] == history["epoch"].max()]
    for axis, measure in zip(axes, ("loss", "accuracy"), strict=True):
        for part, rows in history.groupby("part"):
            label = f"{part} part"
            axis.plot(
                rows["epoch"], rows[measure], marker="o", ms=4, label=label, color=PARTS[str(part)]
            )
        axis.set(xlabel="epoch", ylabel=measure, title=f"{measure} of {TITLES[model]}")
        axis.xaxis.get_major_locator().set_params(integer=True)
    axes[0].set_ylim(bottom=0)
    axes[1].set_ylim(0, 1.02)
    axes[1].legend(loc="lower right")
    told = "; ".join(
        f"{r.part}: loss {r.loss:.2f}, accuracy {r.accuracy:.2f}" for r in last.itertuples()
    )
    return Picture(figure, f"Loss and accuracy of {TITLES[model]} by epoch. Last epoch: {told}.")


def paper_layout(cells: NDArray[np.int64], caption: str) -> Html:
    """Lay a confusion matrix and its scores out as the paper's Tables 1 to 3.

    Rows are the model's decision and columns the reference standard, under the
    paper's labels and with its scores in its places.
    """
    tp, fn, fp, tn = (int(cell) for cell in cells)
    s = {name: _number(value) for name, value in metrics.score(cells).items()}
    return Html(
        f"""<div class="table-wrap" tabindex="0"><table class="paper">
<caption>{_e(caption)}</caption>
<tr><th colspan="2" rowspan="2">Confusion matrix</th><th colspan="2" scope="colgroup">Target</th>
<td colspan="2">F1 score = {s["f1"]}</td></tr>
<tr><th scope="col">Covid19</th><th scope="col">Normal</th><td colspan="2"></td></tr>
<tr><th rowspan="2" scope="rowgroup">Model</th>
<th scope="row">Covid19</th><td>{tp}</td><td>{fp}</td><td>Precision</td><td>{s["ppv"]}</td></tr>
<tr><th scope="row">Normal</th><td>{fn}</td><td>{tn}</td>
<td>Negative predictive value</td><td>{s["npv"]}</td></tr>
<tr><td colspan="2"></td><td>Recall<br>{s["sensitivity"]}</td>
<td>Specificity<br>{s["specificity"]}</td>
<td colspan="2">Accuracy = {s["accuracy"]}</td></tr>
</table></div>"""
    )


def versus_paper(judged: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Write out how a study compares with the paper.

    Parameters
    ----------
    judged
        As `covidcxr.agreement.against_paper` returns it.
    confidence
        Coverage of its intervals.

    Returns
    -------
    pandas.DataFrame
        A row a score: as printed, the printed matrix read with its rows as the truth,
        ours, both with intervals, the difference in points and the verdict.
    """
    shown = [
        {
            "score": metrics.word(str(score)),
            "verdict": row["verdict"],
            "printed": row["printed"],
            f"corrected ({confidence:.0%})": _with_limits(row["corrected"]),
            f"ours ({confidence:.0%})": _with_limits(row["ours"]),
            "ours less corrected, points": _points(row["difference"], row["low"], row["high"]),
        }
        for score, row in judged.iterrows()
    ]
    return pd.DataFrame(shown).set_index("score")


def comparison(judged: Mapping[ModelName, pd.DataFrame], baseline: float, study: str) -> Picture:
    """Draw the scores of all networks beside the paper's, as its Figure 6 does.

    Parameters
    ----------
    judged
        By network, as `covidcxr.agreement.against_paper` returns it.
    baseline
        Accuracy of calling every image NORMAL, drawn as a line where the accuracies are.
    study
        Whose results ours are, for the legend.
    """
    figure, axes = plt.subplots(1, len(judged), figsize=(WIDTH, 3.8), sharey=True, squeeze=False)
    for axis, (model, rows) in zip(axes.flat, judged.items(), strict=True):
        places = np.arange(len(rows))[::-1]
        _dots(axis, [float(text) for text in rows["printed"]], places + 0.22, "printed")
        for reading, away in (("corrected", 0.0), ("ours", -0.22)):
            found = list(rows[reading])
            _dots(axis, [one.value for one in found], places + away, reading)
            axis.hlines(
                places + away, [one.low for one in found], [one.high for one in found],
                color=READINGS[reading][1], lw=2, alpha=0.7,
            )  # fmt: skip
        for place, name in zip(places, rows.index, strict=True):
            if name == "accuracy":
                axis.vlines(baseline, place - 0.45, place + 0.45, color="#343a40", lw=1.5, ls=":")
        axis.set(title=TITLES[model], xlim=(-0.05, 1.05), xlabel="score", yticks=places)
        axis.set_yticklabels([metrics.word(str(name)) for name in rows.index])
        axis.grid(axis="y", visible=False)
    handles = [
        Line2D([], [], color=c, marker=m, ls="", label=study if k == "ours" else text)
        for k, (text, c, m) in READINGS.items()
    ]
    handles.append(Line2D([], [], color="#343a40", ls=":", label="accuracy of always NORMAL, ours"))
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False)
    told = "; ".join(
        f"{TITLES[m]} {rows['ours'].to_dict()['accuracy'].value:.2f}"
        for m, rows in judged.items()
        if "accuracy" in rows.index
    )
    return Picture(
        figure,
        "Scores of each network: as the paper labels them, as its matrices give them with "
        f"rows as truth, and in {study}, the last two with intervals. Accuracy in {study}: {told}.",
    )


def accuracies(points: pd.DataFrame, title: str) -> Picture:
    """Draw accuracies with intervals, a row a network and source.

    Parameters
    ----------
    points
        As `covidcxr.overview.points` returns it.
    title
        What the horizontal axis measures.
    """
    rows = points.sort_values(
        "model", key=lambda m: m.map(list(TITLES.values()).index), kind="stable"
    )
    rows = rows.iloc[::-1].reset_index(drop=True)
    # A gap between networks
    new = (rows["model"] != rows["model"].shift()).to_numpy()
    places = np.arange(len(rows)) + 0.7 * np.cumsum(new)
    figure, axis = plt.subplots(figsize=(WIDTH, 1.6 + 0.5 * len(rows)))
    for place, row in zip(places, rows.to_dict("records"), strict=True):
        _, color, marker = READINGS["corrected" if row["by"] == "paper" else "ours"]
        axis.hlines(place, row["low"], row["high"], color=color, lw=2.5)
        axis.plot(row["value"], place, marker=marker, color=color, ms=8)
        axis.plot(row["baseline"], place, marker="|", color="#343a40", ms=18, ls="")
    axis.set_yticks(places, [f"{r.model}, {r.what}" for r in rows.itertuples()])
    axis.set(xlabel=title, xlim=(0, 1.01), ylim=(places[0] - 0.7, places[-1] + 0.7))
    axis.grid(axis="y", visible=False)
    handles = [
        Line2D([], [], color=READINGS[k][1], marker=READINGS[k][2], label=label)
        for k, label in (("corrected", "the paper's matrix"), ("ours", "run here on real images"))
    ]
    handles.append(Line2D([], [], color="#343a40", marker="|", ls="", ms=12, label="always normal"))
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    told = "; ".join(f"{r.model}, {r.what}: {r.value:.3f}" for r in rows[::-1].itertuples())
    told = told.replace("\n", " ")
    return Picture(figure, f"{title}, with 95% Wilson intervals. {told}.")


def _dots(axis: Axes, values: Any, places: NDArray[Any], reading: str) -> None:
    _, color, marker = READINGS[reading]
    axis.plot(values, places, marker=marker, color=color, ls="", ms=6)


def _legend(figure: Figure, colors: Mapping[str, str]) -> None:
    handles = [Rectangle((0, 0), 1, 1, color=color, label=label) for label, color in colors.items()]
    figure.legend(handles=handles, loc="outside upper right", ncols=len(colors), frameon=False)


_UNITS = {
    "age": "years",
    "original_width": "pixels",
    "original_height": "pixels",
    "original_bytes": "bytes",
    "brightness": "mean grey level, 0 to 255",
}


def _words(variable: str) -> str:
    return variable.replace("original_", "original file: ").replace("_", " ")


def _number(value: Any, digits: int = 3) -> str:
    return "–" if not np.isfinite(float(value)) else f"{float(value):.{digits}f}"


def _with_limits(found: Interval) -> str:
    limits = f" ({_number(found.low)} to {_number(found.high)})" if np.isfinite(found.low) else ""
    return _number(found.value) + limits


def _points(value: float, low: float, high: float) -> str:
    if not np.isfinite(value):
        return "–"
    limits = f" ({100 * low:+.1f} to {100 * high:+.1f})" if np.isfinite(low) else ""
    return f"{100 * value:+.1f}{limits}"


def scores(found: Mapping[str, Interval], caption: str) -> Html:
    """Show a model's scores with intervals, and below what is unusual about some of them."""
    shown = [
        {
            "score": metrics.word(name) + (" *" if one.reason else ""),
            "value": _number(one.value),
            "interval": (
                f"{_number(one.low)} to {_number(one.high)}" if np.isfinite(one.low) else "–"
            ),
            "n": one.n,
            "method": one.method,
        }
        for name, one in found.items()
    ]
    remarks = [f"{metrics.word(name)}: {one.reason}" for name, one in found.items() if one.reason]
    below = [note(f"* {'; '.join(remarks)}.")] if remarks else []
    return stack(table(pd.DataFrame(shown), caption), *below)


def _total(images: Mapping[str, Any]) -> dict[str, int]:
    """Sum counts by class, which a training's record gives by part."""
    if images and isinstance(next(iter(images.values())), Mapping):
        return {k: sum(part[k] for part in images.values()) for k in next(iter(images.values()))}
    return dict(images)


def _short(commit: Mapping[str, Any]) -> str:
    if not commit["id"]:
        return "no commit"
    return commit["id"][:8] + (" with changes" if commit["changed"] else "")


def _drawn(figure: Figure, kind: str) -> bytes:
    buffer = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else None
    figure.savefig(buffer, format=kind, metadata=metadata, dpi=120)
    return buffer.getvalue()


def _e(text: object) -> str:
    return html.escape(str(text), quote=True)

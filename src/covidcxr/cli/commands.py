"""The command line: each command is one arrow of the data flow."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from covidcxr import __version__
from covidcxr.core.errors import Problem

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Plain help keeps the examples in it as they are written.
    rich_markup_mode=None,
    context_settings={"max_content_width": 96},
    help=(
        "The executable, auditable edition of one paper, and the tools to audit another: "
        "try 'covidcxr audit panwar'."
    ),
)


def main() -> None:
    """Run a command; a `Problem` becomes one sentence and its exit status."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    logging.getLogger("covidcxr").setLevel(logging.INFO)
    try:
        app()
    except Problem as problem:
        print(f"covidcxr: {problem}", file=sys.stderr)
        sys.exit(problem.status)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass


_AUDIT = """Audit the confusion matrices and scores that a paper reports.

Needs no images. It decides by the margins of the tables whether their rows are the
truth or the model's decision, recomputes every score, says of each printed value
whether it is exact, truncated, mislabelled or impossible, and bounds what the tables
leave open.

FILE holds what the paper prints, numbers in quotes:

\b
  title: Some paper
  test_set: {positive: 92, negative: 268}  # optional
  tables:
    - name: ResNet50
      matrix: [[70, 22], [60, 208]]  # as printed, positive class first
      rows: predicted  # what the paper says its rows are: predicted or true
      reported: {accuracy: "77.22%", precision: "76.09%", npv: "0.78"}

A score may list several values. A table without a matrix needs test_set. For a matrix
whose negative class stands first, add 'first: negative' to its table.
"""


@app.command(help=_AUDIT)
def audit(
    report: Annotated[
        Path, typer.Argument(metavar="FILE", help="A YAML file, or an example: seedpaper, panwar.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Audit a paper's tables."""
    import json

    from covidcxr.paper import audit as auditor

    name = str(report)
    if report.is_file() or name not in auditor.examples():
        paper = auditor.read(report)
    else:
        paper = auditor.parse(auditor.example(name), name)
    found = auditor.audit(paper)
    typer.echo(
        json.dumps(found, indent=1, allow_nan=False) if as_json else auditor.as_text(found),
        nl=as_json,
    )


_Predictions = Annotated[
    Path, typer.Argument(metavar="PREDICTIONS.csv", help="Columns image_id, label and score.")
]
_Other = Annotated[
    Path, typer.Argument(metavar="OTHER.csv", help="Another model's, of the same images.")
]
_Group = Annotated[
    str | None,
    typer.Option(help="The column whose images are not independent: a patient, say."),
]
_Part = Annotated[str, typer.Option(help="Which rows count, where there is a column 'part'.")]
_Positive = Annotated[str, typer.Option(help="The label of the positive class.")]
_Threshold = Annotated[
    float, typer.Option(min=0, max=1, help="A score at or above it is called positive.")
]
_Confidence = Annotated[float, typer.Option(min=0.5, max=0.999, help="Coverage of intervals.")]
_Resamples = Annotated[int, typer.Option(min=100, max=1_000_000, help="Of the bootstrap.")]
_Seed = Annotated[int, typer.Option(min=0, help="Of the bootstrap.")]
_Bca = Annotated[bool, typer.Option("--bca", help="BCa instead of percentile intervals.")]
_Margin = Annotated[
    float, typer.Option(min=0, max=1, help="Scores nearer to each other are equivalent.")
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


@app.command()
def metrics(
    predictions: _Predictions,
    group: _Group = None,
    as_json: _Json = False,
    threshold: _Threshold = 0.5,
    confidence: _Confidence = 0.95,
    resamples: _Resamples = 10_000,
    seed: _Seed = 0,
    bca: _Bca = False,
    part: _Part = "test",
    positive: _Positive = "COVID19",
) -> None:
    """Score a model's predictions, each score with its interval.

    PREDICTIONS.csv holds one row an image; score is the probability of the positive
    class, from 0 to 1. Bad input ends with one sentence and exit status 2.
    """
    import json

    from covidcxr.cli import scoresheet
    from covidcxr.scores import intervals
    from covidcxr.scores import predictions as tables

    protocol = intervals.Protocol(
        threshold, confidence, resamples, seed, kind="bca" if bca else "percentile"
    )
    read = tables.read(predictions, part=part, group=group, positive=positive)
    found = intervals.evaluate(read, protocol)
    if as_json:
        made = {name: interval.as_json() for name, interval in found.items()}
        typer.echo(json.dumps(made, indent=1, allow_nan=False))
    else:
        typer.echo(scoresheet.of_metrics(read, found, protocol), nl=False)


@app.command()
def compare(
    predictions: _Predictions,
    other: _Other,
    group: _Group = None,
    as_json: _Json = False,
    threshold: _Threshold = 0.5,
    margin: _Margin = 0.05,
    confidence: _Confidence = 0.95,
    resamples: _Resamples = 10_000,
    seed: _Seed = 0,
    bca: _Bca = False,
    part: _Part = "test",
    positive: _Positive = "COVID19",
) -> None:
    """Compare two models' predictions of the same images, pair by pair.

    A difference is the first model's score less the other's. Predictions of different
    images are refused.
    """
    import json

    from covidcxr.cli import scoresheet
    from covidcxr.scores import comparison, intervals
    from covidcxr.scores import predictions as tables

    protocol = intervals.Protocol(
        threshold, confidence, resamples, seed, kind="bca" if bca else "percentile"
    )
    first, second = (
        tables.read(path, part=part, group=group, positive=positive)
        for path in (predictions, other)
    )
    found = comparison.compare(first, second, protocol, margin)
    if as_json:
        typer.echo(json.dumps(found, indent=1, allow_nan=False))
    else:
        typer.echo(scoresheet.of_comparison(first, second, found, protocol), nl=False)


@app.command()
def duplicates(
    folders: Annotated[
        list[Path], typer.Argument(metavar="FOLDER...", help="Read with all below.")
    ],
    as_json: _Json = False,
) -> None:
    """List the groups of images that are copies of each other.

    Copies are exact (equal files or equal pixels) or near: resized, recompressed, cut by
    up to five per cent, made brighter or darker, mirrored. Blank images are compared
    exactly only. A folder that is named or linked twice counts once.

    A file that cannot be read is named on standard error and left out; where none can,
    the exit status is 2. Files that are no image are counted, and named in the JSON.
    """
    import json

    from covidcxr.validity import duplicates as copies

    found = copies.scan(folders)
    for fault in found.faults:
        print(f"covidcxr: {fault}", file=sys.stderr)
    text = json.dumps(found.as_json, indent=1) if as_json else copies.as_text(found)
    typer.echo(text, nl=as_json)


@app.command()
def overlap(
    split: Annotated[
        Path, typer.Argument(metavar="SPLIT.csv", help="Columns image_id and part, a row an image.")
    ],
    manifest: Annotated[
        Path,
        typer.Argument(
            metavar="MANIFEST.csv",
            help="Column image_id or file, and any of patient_id, group_id, sha256, path, label.",
        ),
    ],
    as_json: _Json = False,
    fix: Annotated[
        Path | None,
        typer.Option(metavar="NEW.csv", help="Write a split by groups and copies, seed 0."),
    ] = None,
) -> None:
    """Tell which patients, groups and copies a split tears apart.

    Parts are train, validation and test. Where the images lie as MANIFEST.csv says,
    relative to its folder, copies are looked for too, exact and near ones.
    """
    import json

    from covidcxr.validity import overlap as overlaps

    found = overlaps.examine(split, manifest)
    if fix is not None:
        found = overlaps.mend(found, fix)
    if as_json:
        if found.remark:
            print(f"covidcxr: {found.remark}", file=sys.stderr)
        typer.echo(json.dumps(overlaps.as_json(found), indent=1))
    else:
        typer.echo(overlaps.as_text(found), nl=False)


@app.command()
def claims(
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    results: Annotated[Path, typer.Option(help="The folder of run records.")] = Path("results"),
) -> None:
    """Print the ledger of the paper's claims, every verdict computed anew."""
    from covidcxr.figures import claims as ledger
    from covidcxr.paper import claims as ledgers

    table = ledgers.ledger(results)
    show = ledger.as_csv if as_csv else ledger.as_json if as_json else ledger.as_text
    typer.echo(show(table), nl=False)


@app.command()
def study(
    name: Annotated[str, typer.Argument(help="A YAML file, or the name of one in config/.")],
    changes: Annotated[list[str] | None, typer.Argument(help="key=value overrides.")] = None,
) -> None:
    """Check a study and print it with every default filled in."""
    from covidcxr.core import studies

    typer.echo(studies.dump(studies.load(name, changes or [])), nl=False)


@app.command()
def prose() -> None:
    """Refuse numbers that are typed into the book's prose without a reason.

    Looks at book/ and notebooks/ of the folder it stands in; book/numbers.yaml says which
    numbers may stand as they are.
    """
    from covidcxr.book import number_check as texts

    texts.check()


@app.command()
def doctor(
    study: Annotated[str, typer.Argument(help="A YAML file, or the name of one in config/.")] = (
        "paper"
    ),
    changes: Annotated[list[str] | None, typer.Argument(help="key=value overrides.")] = None,
    build: Annotated[Path, typer.Option(help="Where it would be built.")] = Path("build"),
    as_json: _Json = False,
) -> None:
    """Say what this machine has of what a study needs, and what to do about the rest.

    Looks at backends and accelerators, memory, images, weights and disk. Ends with status 1
    where something is missing.
    """
    import json

    from covidcxr.cli import doctor as doctors
    from covidcxr.core import studies

    findings = doctors.examine(studies.load(study, changes or []), build)
    if as_json:
        typer.echo(json.dumps([finding._asdict() for finding in findings], indent=1))
    else:
        typer.echo(doctors.as_text(findings))
    if any(finding.status == doctors.MISSING for finding in findings):
        raise typer.Exit(1)


@app.command()
def name(
    study: str,
    changes: Annotated[list[str] | None, typer.Argument(help="key=value overrides.")] = None,
) -> None:
    """Print the name under which a study's results and book lie."""
    from covidcxr.core import studies

    typer.echo(studies.load(study, changes or []).name)


@app.command()
def cohort(study: Path, folder: Path) -> None:
    """Gather a study's images into FOLDER: manifest.csv and pixels.npy."""
    from covidcxr.cohorts import cohort as cohorts
    from covidcxr.core import studies

    cohorts.prepare(studies.load(study), folder)


@app.command()
def samples(study: Path, folder: Path) -> None:
    """Gather a study's cohort and its external ones into FOLDER, for the analyses."""
    from covidcxr.cohorts import samples as gathered
    from covidcxr.core import studies

    gathered.prepare(studies.load(study), folder)


@app.command()
def split(study: Path, manifest: Path, kind: str, seed: int, output: Path) -> None:
    """Split a cohort and write which image is in which part."""
    from covidcxr.cohorts import manifest as manifests
    from covidcxr.cohorts import splits
    from covidcxr.core import studies

    settings = studies.load(study)
    made = splits.make(
        manifests.read(manifest),
        studies.split_kind(kind),
        settings.test_fraction,
        settings.validation_fraction,
        studies.split_draw(kind, seed),
    )
    splits.write(made, output)


@app.command()
def page(
    template: Path,
    output: Path,
    parameter: Annotated[
        list[str] | None, typer.Option("-p", help="name=value for the parameters cell, in YAML.")
    ] = None,
) -> None:
    """Execute a notebook template and write it as a page of the book."""
    from covidcxr.book import pages
    from covidcxr.core import strict_yaml

    parameters = {}
    for item in parameter or []:
        name, equals, value = item.partition("=")
        if not equals:
            raise Problem(f"-p {item}: a parameter is written name=value.")
        parameters[name] = strict_yaml.parse(value, f"-p {item}: the value is") if value else ""
    pages.execute(template, output, parameters)


@app.command()
def press(
    source: Annotated[
        Path | None, typer.Argument(metavar="BOOK.tex", help="Written by Sphinx.")
    ] = None,
    output: Annotated[Path | None, typer.Argument(metavar="BOOK.pdf")] = None,
) -> None:
    """Set the book that Sphinx wrote as LaTeX; without files, say whether the tools are there."""
    from covidcxr.book import latex_pdf

    latex_pdf.check_tools()
    if source and output:
        latex_pdf.write(source, output)


@app.command()
def doors(repository: str, commit: str, folder: Path) -> None:
    """Write copies of the templates that Colab can open, for the branch that holds them."""
    from covidcxr.book import launch_links

    name = launch_links.repository(repository)
    launch_links.write_colab_copies(Path("notebooks"), folder, name, commit)

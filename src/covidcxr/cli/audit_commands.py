"""Commands that audit: a paper's tables, folders of images, the ledger of claims, the prose."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from covidcxr.cli.options import Delimiter, Json, echo, refuse_together
from covidcxr.core.errors import Unusable
from covidcxr.core.words import failure, listing

Keep = Literal["first", "largest"]
Schema = Literal["input", "output"]


def _print_schema(kind: Schema | None) -> None:
    if kind is None:
        return
    from covidcxr.paper.audit import input_schema, result

    schema = result.schema() if kind == "output" else input_schema.schema()
    echo(json.dumps(schema, indent=1, ensure_ascii=False))
    raise typer.Exit


_AUDIT = """Audit the confusion matrices and scores that a paper reports.

Needs no images. It judges all scores of a table together, recomputes each from its matrix
(or from the one matrix that they leave), says of every printed value whether it is exact,
cut off, another score's, impossible or contradictory, and decides by the margins whether
rows are the truth or the model's decision.

FILE holds what the paper prints, numbers in quotes:

\b
  title: Some paper
  test_set: {positive: 92, negative: 268}  # optional
  prevalences: ["26%"]  # optional: to which PPV and NPV are adjusted
  tables:
    - name: ResNet50
      matrix: [[70, 22], [60, 208]]  # as printed, positive class first
      rows: predicted  # what the paper says its rows are: predicted or true
      reported: {accuracy: "77.22%", precision: "76.09%", npv: "0.78"}
    - name: ResNet152V2
      counts: {TP: 75, FN: 17, FP: 53, TN: 215}
      unclassified: 3  # images without an answer, optional
    - name: Without a matrix
      test_set: {positive: 70, negative: 220}  # its own, optional
      reported: {sens: "0.83 (0.72-0.91)", spec: ".67", ppv: "58/130"}

Or FILE is a table as a paper prints it, a row a model: .csv, .tsv or .md. Its columns are
called as the scores are, or TP, FN, FP and TN; --columns says so where they are not.

A score may list several values and carry an interval, a fraction or +/- a spread. For a
matrix whose negative class stands first, add 'first: negative' to its table. Averages over
folds say 'folds: 5', or list the sizes of each; 'stratified: true' where the paper says so;
of runs on one test set 'runs: 5', over images 'per_image: true'. A p value of two proportions:

\b
  comparisons:
    - {a: ResNet50, b: ResNet152V2, p: "0.03", test: mcnemar,
       discordant: [25, 37]}
    - {a: "86/92", b: "70/92", p: "<0.001"}

A table of three to twenty classes names them:

\b
    - name: Three classes
      classes: [covid, normal, pneumonia]
      matrix: [[90, 5, 5], [2, 100, 8], [10, 10, 70]]  # or shares: "90.0%"
      rows: true
      reported: {covid: {recall: "90%"}, macro: {f1: "0.864"}, acc: "0.867"}
    - name: One class against the rest
      one_vs_rest:
        covid: {TP: 90, FN: 10, FP: 12, TN: 188}  # and the others
"""


def audit(
    report: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="YAML, a table, a folder, or an example: seedpaper, panwar.",
        ),
    ],
    as_json: Json = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print CSV, a row a paper, instead of text.")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Every score, interval and comparison.")
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option(metavar="NEW.html", help="Write a page with all evidence, too."),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(metavar="A,B,...", help="What a table's columns hold: name,accuracy,-,sens."),
    ] = None,
    test_set: Annotated[
        str | None,
        typer.Option(metavar="P+N", help="A table's positive and negative images: 92+268."),
    ] = None,
    schema: Annotated[
        Schema | None,
        typer.Option(
            is_eager=True,
            callback=_print_schema,
            help="Print the JSON Schema of YAML or of --json.",
        ),
    ] = None,
) -> None:
    """Audit a paper's tables."""
    from covidcxr.paper import audit as auditor

    refuse_together({"--json": as_json, "--csv": as_csv, "--full": full})
    name = str(report)
    is_table = report.suffix.lower() in auditor.pasted.SUFFIXES and not report.is_dir()
    if not is_table and (columns is not None or test_set is not None):
        endings = listing(auditor.pasted.SUFFIXES, "or")
        raise Unusable(f"{name}: --columns and --test-set are for tables, which end in {endings}.")
    if html is not None and report.is_dir():
        raise Unusable(f"{name}: --html writes the page of one paper; name its file.")
    if report.is_dir():
        _audit_folder(report, as_json=as_json, as_csv=as_csv, full=full)
        return
    if is_table:
        named = None if columns is None else columns.split(",")
        paper = auditor.pasted.read(report, named, test_set)
    elif report.is_file() or name not in auditor.examples():
        paper = auditor.read(report)
    else:
        paper = auditor.parse(auditor.example(name), name)
    # What takes longest stands in the full text and the JSON alone.
    result = auditor.audit(paper, corroborate=full or as_json or html is not None)
    if html is not None:
        auditor.html.write(result, html)
    if as_csv:
        echo(auditor.as_csv({name: result}), nl=False)
        return
    text = auditor.as_json(result) if as_json else auditor.as_text(result, full)
    echo(text, nl=False)


audit.__doc__ = _AUDIT


def _audit_folder(folder: Path, *, as_json: bool, as_csv: bool, full: bool) -> None:
    """Audit each YAML file of a folder, a line a paper; those that cannot be read are named."""
    from covidcxr.paper import audit as auditor

    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix in (".yaml", ".yml"))
    except OSError as error:
        raise Unusable(f"{folder}: cannot be listed ({failure(error)}).") from error
    if not paths:
        raise Unusable(f"{folder}: holds no .yaml file; write what a paper prints into one.")
    results, unusable = {}, 0
    for path in paths:
        try:
            results[path.name] = auditor.audit(auditor.read(path), corroborate=full or as_json)
        except Unusable as error:
            unusable += 1
            print(f"covidcxr: {error}", file=sys.stderr)
    if as_json:
        echo(auditor.as_json(results), nl=False)
    elif as_csv:
        echo(auditor.as_csv(results), nl=False)
    elif full:
        texts = [auditor.as_text(result, full) for result in results.values()]
        echo("\n".join(texts), nl=False)
    else:
        echo(auditor.as_lines(results), nl=False)
    if unusable:
        raise typer.Exit(2)


def duplicates(
    folders: Annotated[
        list[Path], typer.Argument(metavar="FOLDER...", help="Read with all below.")
    ],
    as_json: Json = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print CSV, a row a file, instead of text.")
    ] = False,
    threshold: Annotated[
        int,
        typer.Option(min=0, max=64, help="Bits of 256 by which hashes of copies may differ."),
    ] = 44,
    keep: Annotated[
        Keep | None,
        typer.Option(
            help="Say which file of a group stays, the first by name or the largest, and "
            "which could go. Nothing is removed."
        ),
    ] = None,
) -> None:
    """List the groups of images that are copies of each other.

    Copies are exact (equal files or equal pixels) or near: resized, recompressed, cut by
    up to five per cent, made brighter or darker, mirrored, turned by a right angle,
    negative. Hashes name the candidates, pixels decide. Blank images are compared
    exactly only. A folder that is named or linked twice counts once; links to one file
    are listed, and are no copies.

    A file that cannot be read is named on standard error and left out; where none can,
    the exit status is 2. Files that are no image are counted, and named in the JSON.
    """
    from covidcxr.validity import duplicates as copies

    refuse_together({"--json": as_json, "--csv": as_csv})
    scan = copies.scan(folders, threshold, keep)
    for fault in scan.faults:
        print(f"covidcxr: {fault}", file=sys.stderr)
    if as_csv:
        echo(copies.as_csv(scan), nl=False)
        return
    echo(json.dumps(scan.as_json, indent=1) if as_json else copies.as_text(scan), nl=as_json)


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
    as_json: Json = False,
    fix: Annotated[
        Path | None,
        typer.Option(metavar="NEW.csv", help="Write a split that shares nothing, seed 0."),
    ] = None,
    patient: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column that names the patient.")
    ] = None,
    delimiter: Delimiter = ",",
) -> None:
    """Tell which patients, groups and copies a split tears apart.

    Parts are train, validation and test. Where the images lie as MANIFEST.csv says,
    relative to its folder, copies are looked for too, exact and near ones. The report says
    what was looked for, and which columns were not used.
    """
    from covidcxr.validity import overlap as overlaps

    if fix is not None:
        overlaps.refuse_existing(fix)
    report = overlaps.examine(split, manifest, patient, delimiter)
    if fix is not None:
        report = overlaps.mend(report, fix)
    text = json.dumps(overlaps.as_json(report), indent=1) if as_json else overlaps.as_text(report)
    echo(text, nl=as_json)


def claims(
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    results: Annotated[Path, typer.Option(help="The folder of run records.")] = Path("results"),
) -> None:
    """Print the ledger of the paper's claims, every verdict computed anew."""
    from covidcxr.figures import claims as layouts
    from covidcxr.paper import claims as ledgers

    table = ledgers.ledger(results)
    show = layouts.as_csv if as_csv else layouts.as_json if as_json else layouts.as_text
    echo(show(table), nl=False)


def prose() -> None:
    """Refuse numbers that are typed into the book's prose without a reason.

    Looks at book/ and notebooks/ of the folder it stands in; book/numbers.yaml says which
    numbers may stand as they are.
    """
    from covidcxr.book import number_check

    number_check.check()

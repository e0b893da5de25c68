"""Scores of several classes as text, JSON or CSV."""

from __future__ import annotations

import json

from covidcxr.cli import scoresheet
from covidcxr.core.words import plural
from covidcxr.scores import several_classes
from covidcxr.scores.intervals import Protocol
from covidcxr.scores.several_classes import Classes

METHOD = "an image is called the class of the largest probability, of equal ones the first"


def write(c: Classes, protocol: Protocol, *, as_json: bool, as_csv: bool) -> str:
    """Write all scores of several classes."""
    overall = several_classes.overall(c, protocol)
    by_class = several_classes.by_class(c, protocol)
    if as_json:
        content = {
            "decision": METHOD,
            "ties": c.ties,
            "overall": {name: one.as_json() for name, one in overall.items()},
            "classes": {
                label: {name: one.as_json() for name, one in scores.items()}
                for label, scores in by_class.items()
            },
        }
        return json.dumps(content, indent=1, allow_nan=False) + "\n"
    flat = dict(overall)
    for label, scores in by_class.items():
        flat |= {f"{label}: {name}": one for name, one in scores.items()}
    if as_csv:
        return scoresheet.as_csv({name: one.as_json() for name, one in flat.items()}, {})
    first = next(iter(c.rest.values()))
    counts = [f"{int(p.positive.sum()):,} {label}" for label, p in c.rest.items()]
    lines = [f"{first.name}", f"{plural(len(first), 'image')}: {', '.join(counts)}", ""]
    lines += ["All classes", *scoresheet.table(overall, protocol)]
    for label, scores in by_class.items():
        lines += ["", f"{label} against the rest", *scoresheet.table(scores, protocol)]
    remarks = [f"{METHOD[0].upper()}{METHOD[1:]} ({plural(c.ties, 'tie')})."]
    remarks += [f"* {why}." for why in dict.fromkeys(x.reason for x in flat.values()) if why]
    if protocol.resamples:
        remarks.append(
            f"Bootstrap: {protocol.resamples:,} resamples, each {first.unit} drawn as a whole, "
            f"seed {protocol.seed}."
        )
    return scoresheet.wrapped([*lines, ""], remarks)

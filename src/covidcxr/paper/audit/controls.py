"""The auditor's own controls: what it finds of planted errors, and whom it accuses without one.

``python -m covidcxr.paper.audit.controls`` audits 10,000 synthetic papers and writes the record.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from covidcxr.core.errors import Problem
from covidcxr.core.progress import Progress
from covidcxr.paper.audit import synthetic

METHOD = 1
"""Raised where papers, or audits of them, come out otherwise."""

CLEAN, PLANTED, SEED = 4000, 1000, 0
"""Papers without an error, papers of each kind of error, seed."""

SAMPLE = (60, 20)
"""The same of the few that a test audits again."""

_RECORD = "data/audit_controls.json"


def run(clean: int, planted: int, seed: int = SEED) -> list[dict[str, Any]]:
    """Audit synthetic papers: a row a kind of error, and ``none``.

    It counts ``papers`` that the error changed, and those of them where it was ``found``;
    ``innocent`` tables, which it did not touch, and ``accused`` ones of them.
    """
    kinds = (None, *synthetic.ERRORS)
    progress = Progress("controls", "papers", clean + planted * len(synthetic.ERRORS))
    rows = []
    for number, kind in enumerate(kinds):
        trials = []
        for i in range(planted if kind else clean):
            trials.append(synthetic.trial(kind, np.random.default_rng([seed, number, i])))
            progress.add(1)
        changed = [one for one in trials if one is not None]
        rows.append(
            {
                "planted": kind or "none",
                "papers": len(changed),
                "found": sum(one.found for one in changed),
                "innocent": sum(one.innocent for one in changed),
                "accused": sum(one.accused for one in changed),
            }
        )
    return rows


def record() -> dict[str, Any]:
    """Return the controls on record: ``created``, ``seed`` and ``rows`` as `run` returns them.

    Raises
    ------
    Problem
        For a record of another method.
    """
    content: dict[str, Any] = json.loads(files("covidcxr").joinpath(_RECORD).read_text("utf-8"))
    if content["method"] != METHOD:
        raise Problem(
            f"{_RECORD}: is of method {content['method']}, not {METHOD}; run "
            "python -m covidcxr.paper.audit.controls."
        )
    return content


def write() -> None:
    """Audit all papers and put the record in its place."""
    from covidcxr.core import atomic

    content = {
        "method": METHOD,
        "created": datetime.now(UTC).date().isoformat(),
        "seed": SEED,
        "rows": run(CLEAN, PLANTED),
        "sample": run(*SAMPLE),
    }
    with atomic.file(Path(str(files("covidcxr").joinpath(_RECORD)))) as aside:
        aside.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    import logging

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    np.seterr(all="ignore")
    write()

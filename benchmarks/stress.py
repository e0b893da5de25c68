"""``make stress``: faults at random moments, and a table of those that were survived."""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from measured import keep

from tests.end_to_end.stress import faults, works
from tests.end_to_end.stress.faults import Lost, Moment, Outcome
from tests.end_to_end.stress.works import Work

WORKS = (works.training(), works.cohort(), works.book())


@dataclass
class Row:
    """How often a fault befell a work, how often it was survived, and what was seen."""

    fault: str
    work: str
    tried: int = 0
    survived: int = 0
    locks: int = 0
    seconds: float = 0.0
    lost: list[str] = field(default_factory=list)

    def add(self, attempt: Callable[[], Outcome | None]) -> None:
        """Try until the fault comes before the command's end."""
        self.tried += 1
        try:
            while (outcome := attempt()) is None:
                pass
        except Lost as lost:
            self.lost.append(str(lost))
            print(f"LOST {self.fault}, {self.work}: {lost}", file=sys.stderr, flush=True)
            return
        self.survived += 1
        self.locks += outcome.locked
        self.seconds = round(max(self.seconds, outcome.seconds), 1)


def suite(work: Work, place: Path, kills: int, others: int, choice: random.Random) -> list[Row]:
    """Try every fault on a work: so many kills, and each other fault so often."""
    finals, seconds = faults.reference(work, place)

    def moment() -> Moment:
        return faults.after(choice.uniform(0, seconds))

    attempts: dict[str, tuple[int, Callable[[], Outcome | None]]] = {
        "kill -9": (kills, lambda: faults.killed(work, place, finals, moment(), choice)),
        "Ctrl-C": (others, lambda: faults.interrupted(work, place, finals, moment())),
        "two at once": (others, lambda: faults.twice(work, place, finals)),
    }
    if faults.can_mount(place / "mount"):
        for name in faults.MOUNTS:
            attempts[name] = (1, partial(faults.mounted, work, place, finals, name))
    rows = []
    for fault, (times, attempt) in attempts.items():
        row = Row(fault, work.name)
        for _ in range(times):
            row.add(attempt)
        rows.append(row)
        print(f"{fault}, {work.name}: {row.survived} of {row.tried} survived", flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--others", type=int, default=3, help="times for each other fault")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    os.nice(5)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor() as pool:

        def work(place: int) -> list[Row]:
            one, kills = WORKS[place], (options.kills + place) // len(WORKS)
            where = Path(folder).resolve() / one.name
            return suite(one, where, kills, options.others, random.Random(options.seed))

        rows = [row for some in pool.map(work, range(len(WORKS))) for row in some]
    content: dict[str, Any] = {
        "seed": options.seed,
        "minutes": round((time.monotonic() - began) / 60, 1),
        "faults": [{k: v for k, v in vars(row).items() if k != "lost"} for row in rows],
    }
    keep("stress", content)
    if any(row.lost for row in rows):
        sys.exit("Not everything was survived.")


if __name__ == "__main__":
    main()

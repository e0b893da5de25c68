"""What the parts of a split share: patients, groups, and copies of a picture."""

from covidcxr.validity.overlap.check import as_json, as_text, examine, mend, refuse_existing
from covidcxr.validity.overlap.parts import affected, joined, shared
from covidcxr.validity.overlap.study import (
    DRAWS,
    METHOD,
    NAME,
    REASONS,
    SPLITS,
    external_counts,
    overall_shares,
    record,
    shares,
    values,
)

__all__ = [
    "DRAWS", "METHOD", "NAME", "REASONS", "SPLITS", "affected", "as_json", "as_text", "examine",
    "external_counts", "joined", "mend", "overall_shares", "record", "refuse_existing", "shared",
    "shares", "values",
]  # fmt: skip

"""Copies of a picture: exact ones, and those that were resized, recompressed, cut or mirrored.

`hashing` names the pairs that may be copies, `registration` compares their pixels, `search` puts
these together; `folders` searches anybody's files, `study` a study's cohorts, and `components`
turns its record into labels of images that are not independent.
"""

from covidcxr.validity.duplicates.components import all_images, copies, merged, read_pairs
from covidcxr.validity.duplicates.folders import Scan, as_csv, as_text, decoded, scan
from covidcxr.validity.duplicates.hashing import DISTANCE, HASH_SIZE, pairs_within_hamming
from covidcxr.validity.duplicates.search import EXACT, NEAR, REFUSED, SIMILARITY, find, judge_pairs
from covidcxr.validity.duplicates.study import (
    METHOD,
    NAME,
    false_alarms,
    planted_counts,
    record,
    summary,
)

__all__ = [
    "DISTANCE", "EXACT", "HASH_SIZE", "METHOD", "NAME", "NEAR", "REFUSED", "SIMILARITY", "Scan",
    "all_images", "as_csv", "as_text", "copies", "decoded", "false_alarms", "find", "judge_pairs",
    "merged", "pairs_within_hamming", "planted_counts", "read_pairs", "record", "scan", "summary",
]  # fmt: skip

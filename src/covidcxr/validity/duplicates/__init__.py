"""Copies of a picture: exact ones, and those that were resized, recompressed, cut or mirrored.

`hashing` names the pairs that may be copies, `changes` those that were turned or made negative,
`registration` compares their pixels, `search` puts these together; `folders` searches anybody's
files, `study` a study's cohorts, whose record `tables` counts and `independence` turns into labels
of images that are not independent.
"""

from covidcxr.validity.duplicates.folders import Scan, as_csv, as_text, decoded, scan
from covidcxr.validity.duplicates.hashing import DISTANCE, HASH_SIZE, pairs_within_hamming
from covidcxr.validity.duplicates.independence import all_images, copies, merged
from covidcxr.validity.duplicates.search import (
    EXACT,
    NEAR,
    REFUSED,
    SIMILARITY,
    find,
    judge_pairs,
)
from covidcxr.validity.duplicates.study import METHOD, NAME, record
from covidcxr.validity.duplicates.tables import false_alarms, planted_counts, read_pairs, summary

__all__ = [
    "DISTANCE", "EXACT", "HASH_SIZE", "METHOD", "NAME", "NEAR", "REFUSED", "SIMILARITY", "Scan",
    "all_images", "as_csv", "as_text", "copies", "decoded", "false_alarms", "find", "judge_pairs",
    "merged", "pairs_within_hamming", "planted_counts", "read_pairs", "record", "scan", "summary",
]  # fmt: skip

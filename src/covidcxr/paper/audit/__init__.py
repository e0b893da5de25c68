"""An auditor of reported confusion matrices and scores, for any paper.

`reading` and `reading_comparisons` read what a paper prints, `pasted` its tables as they stand
there, `checks` says what a file must hold and `input_schema` says so to programs; `printed` treats
a number as the string it was printed as and `names` the score as the paper calls it. `scores`
computes what a matrix gives, `orientation` decides what its rows are, `feasible` which matrices a
table's scores allow, `together` judges them all, `labels` finds those of another score, `verdicts`
classes each value; `limits` judges intervals, `averages` those over folds with their spread,
`comparisons` two models and the p of two proportions; `corroboration` asks an independent library.
`classes` does all this for several classes. `report` puts it together, `text` says it in words and
`html` on a page, `result` is its form as types. `synthetic` plants errors for it to find,
`controls` counts them.
"""

from covidcxr.paper.audit import html, pasted
from covidcxr.paper.audit.reading import Paper, example, examples, parse, read
from covidcxr.paper.audit.report import audit
from covidcxr.paper.audit.text import as_csv, as_json, as_lines, as_text

__all__ = [
    "Paper", "as_csv", "as_json", "as_lines", "as_text", "audit", "example", "examples", "html",
    "parse", "pasted", "read",
]  # fmt: skip

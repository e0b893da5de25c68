"""An auditor of reported confusion matrices and scores, for any paper.

`reading` reads what a paper prints, `printed` treats a number as the string it
was printed as, `scores` computes what a matrix gives, `orientation` decides what
its rows are, `verdicts` classes each printed value, `bounds` says what the margins
alone allow, `corroboration` asks an independent library, `report` puts it together
and `text` says it in words.
"""

from covidcxr.paper.audit.reading import Paper, example, examples, parse, read
from covidcxr.paper.audit.report import audit
from covidcxr.paper.audit.text import as_text

__all__ = ["Paper", "as_text", "audit", "example", "examples", "parse", "read"]

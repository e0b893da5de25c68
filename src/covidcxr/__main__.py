"""Run the command line as ``python -m covidcxr``."""

import sys

# Whatever reads a notebook has it checked by jsonschema, which at its import would spend a second
# on a grammar of web addresses that no notebook is checked for.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

from covidcxr.cli.commands import main  # noqa: E402

main()

"""Run the command line as ``python -m covidcxr``."""

import sys

# Whatever reads a notebook has it checked by jsonschema, which at its import would spend a second
# on a grammar of web addresses that no notebook is checked for.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

# A page may be a fork of a process that has imported what pages need; no other command asks.
if sys.argv[1:2] in (["page"], ["fork-server"]):
    from covidcxr.book import fork_server

    sys.argv[1:] = fork_server.enter(sys.argv[1:])

from covidcxr.cli.commands import main  # noqa: E402

main()

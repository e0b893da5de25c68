"""Run the command line as ``python -m covidcxr``."""

import sys

# Whatever reads a notebook has it checked by jsonschema, which at its import would spend a second
# on a grammar of web addresses that no notebook is checked for.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

from covidcxr.book import fork_server  # noqa: E402

match sys.argv[1:]:
    case ["page", *_]:
        fork_server.hand_over(sys.argv[1:])
    case [fork_server.COMMAND, listening, address]:
        sys.argv[1:] = fork_server.serve(int(listening), address)

from covidcxr.cli.commands import main  # noqa: E402

main()

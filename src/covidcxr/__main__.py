"""Run the command line as ``python -m covidcxr``."""

import sys

# Whatever reads a notebook has it checked by jsonschema, which at its import would spend a second
# on a grammar of web addresses that no notebook is checked for.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

match sys.argv[1:]:
    case ["page", *_]:
        from covidcxr.book import fork_server

        fork_server.hand_over(sys.argv[1:])
    case ["fork-server", listening, address]:
        from covidcxr.book import fork_server

        sys.argv[1:] = fork_server.serve(int(listening), address)

from covidcxr.cli.commands import main  # noqa: E402

main()

"""Run the command line as ``python -m covidcxr``."""

from covidcxr.cli import main

main()

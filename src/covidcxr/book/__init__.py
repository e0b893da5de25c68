"""From notebooks to pages: execution, provenance, freshness, number check, Sphinx extensions."""

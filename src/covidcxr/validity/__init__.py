"""Whether a score means anything: copies, leakage, shortcuts, external testing, controls."""

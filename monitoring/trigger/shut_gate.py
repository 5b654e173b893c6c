"""The gate's own words in what `dvc repro` printed, where it was the gate that stopped it."""

from curation.gate import SHUT

MOST = 2_000  # characters
DVC = "\nERROR: failed to reproduce 'gate'"


def gate_words(printed: str) -> str | None:
    """None: something else stopped it."""
    told, failed, _ = printed.rpartition(DVC)
    start = told.rfind(SHUT)
    return told[start:].strip()[:MOST] if failed and start >= 0 else None

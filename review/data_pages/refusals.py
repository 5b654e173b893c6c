"""What a person refused of the queues: it is not asked again, and who said no stays on record."""

from functools import lru_cache
from pathlib import Path

from curation.splitting.eval_sets import changing
from project.files import FileState, state_of, write_bytes
from project.records.record import Record, read_input

REFUSED = Path("datasets/queue/refused.jsonl")  # a refusal a line, oldest first


class Refusal(Record):
    """Nothing of what was refused stands in it but a digest."""

    key: str
    by: str
    at: str  # RFC 3339, UTC
    reason: str


def refuse(refusal: Refusal) -> None:
    """Write it behind the others; the same again changes nothing."""
    with changing():
        if refusal.key in refused_keys():
            return
        before = read_input(REFUSED) if REFUSED.exists() else b""
        ended = before if before.endswith(b"\n") or not before else before + b"\n"
        write_bytes(REFUSED, ended + refusal.canonical() + b"\n")


def refused_keys() -> frozenset[str]:
    """Raises InputError naming file and line."""
    return read_refused(state_of(REFUSED)) if REFUSED.exists() else frozenset()


@lru_cache(1)
def read_refused(state: FileState) -> frozenset[str]:
    return frozenset(one.key for one in Refusal.read_lines(REFUSED))

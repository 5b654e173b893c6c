"""What people wrote about the traffic: rows to train on, and rows that they should write about."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from registry.canonical import canonical_json
from registry.files import write_bytes, write_lines
from registry.records import Row, Traffic

LABELLED = Path("datasets/sources/labelled.jsonl")
DRIFT = "drift"  # the slice of the rows that were labelled because of one


def labelled(rows: Iterable[Traffic]) -> list[Traffic]:
    """The rows whose user wrote the answer that it should have been."""
    return [row for row in rows if row.feedback and row.feedback.correction]


def add_labelled(rows: Iterable[Traffic], drifted: frozenset[str], since: str, path: Path) -> int:
    """Add what is labelled to the sources that training reads; returns how many rows are new.

    Those whose ids are in `drifted` get the slice drift=since. The file appears whole or not at
    all, and the same rows again change nothing.
    """
    known = {row.id: row for row in Row.read_lines(path)} if path.exists() else {}
    found = {}
    for traffic in labelled(rows):
        row = as_row(traffic, {DRIFT: since} if traffic.id in drifted else {})
        found[row.id] = row
    new = {name: row for name, row in found.items() if name not in known}
    if new:
        write_lines(path, [row.canonical() for row in (known | new).values()])
    return len(new)


def as_row(traffic: Traffic, slices: dict[str, str]) -> Row:
    assert traffic.feedback is not None and traffic.feedback.correction
    row = Row.of(
        traffic.prompt_text,
        traffic.feedback.correction,
        group="",
        source=LABELLED.name,
        **slices,
    )
    prompt = traffic.prompt if not isinstance(traffic.prompt, str) else row.prompt
    return row.model_copy(update={"prompt": tuple(prompt), "group": row.id})


def write_queue(rows: Sequence[Traffic], path: Path) -> None:
    """Write what should be labelled as tasks that Label Studio imports, the order kept."""
    tasks = [
        {
            "data": {"id": row.id, "prompt": row.prompt_text, "response": row.response},
            "meta": {"at": row.at, "adapter": row.adapter},
        }
        for row in rows
    ]
    write_bytes(path, canonical_json(tasks) + b"\n")

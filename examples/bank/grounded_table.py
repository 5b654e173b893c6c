"""The table of systems on passages, and what was decided, as Markdown and as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from examples.bank.measures import ON_PASSAGES, Item, System, mean_score
from examples.bank.table import (
    MEASURED,
    as_table,
    means,
    measured_cells,
    of_the_time,
    of_the_verdicts,
    rate,
    write_tables,
)

HEAD = (
    "system",
    "items",
    *MEASURED,
    "preferred to base + passages",
    "tokens",
    "seconds",
    "sealed",
)
ON_PASSAGES_HEAD = (
    "invented",
    "supported",
    "cited right",
    "cited all",
    "wrong abstention",
    "missed abstention",
)


def write_grounded(folder: Path, systems: Sequence[System], told: Mapping[str, Any]) -> str:
    """Write table.md and table.json into a folder; returns the Markdown."""
    return write_tables(folder, lines(systems, told), systems, told)


def lines(systems: Sequence[System], told: Mapping[str, Any]) -> Iterator[str]:
    verdicts = told["verdicts"]
    yield "Means of the dev items and their standard errors; tokens and seconds an answer."
    yield ""
    yield from as_table(
        HEAD,
        [
            (one.name, str(len(one.items)), *measured_cells(one), verdicts.get(one.name, "-"))
            for one in systems
        ],
    )
    yield ""
    yield from as_table(
        ("system", *ON_PASSAGES_HEAD, "warning missing"),
        [(one.name, *means(one, ON_PASSAGES), rate(one, "no_warning")) for one in systems],
    )
    yield ""
    yield "Facts kept, of answers that the passages hold, by whether rows were about the document:"
    yield ""
    yield from as_table(
        ("system", "seen", "unseen", "seen less unseen"), [seen_and_unseen(one) for one in systems]
    )
    yield ""
    yield from of_the_nights(told.get("served"))
    yield from of_the_verdicts(told)
    yield from of_the_time(told["steps"])


def of_the_nights(served: Mapping[str, Any] | None) -> Iterator[str]:
    if served is None:
        return
    yield (
        f"Served: {served['asked']:,} questions at the gateway, {served['evidence named']:,} "
        f"answered with their passages named; {served['labels']} labels accepted."
    )
    yield ""
    yield from as_table(
        ("night", "new product", "alarm", "new topics", "what follows"),
        [
            (
                one["night"],
                "yes" if one["new product"] else "no",
                "yes" if one["alarm"] else "no",
                "; ".join(one["topics"]) or "-",
                one["action"],
            )
            for one in served["nights"]
        ],
    )
    yield ""


def seen_and_unseen(system: System) -> tuple[str, ...]:
    """With the difference and 1.96 of its standard errors: items are of one side or the other."""
    seen, unseen = (
        mean_score(system, "facts_kept", lambda item, kind=kind: is_of(item, kind))
        for kind in ("seen", "unseen")
    )
    if not (seen.n and unseen.n):
        return system.name, str(seen), str(unseen), "-"
    error = (seen.se**2 + unseen.se**2) ** 0.5
    return (
        system.name,
        str(seen),
        str(unseen),
        f"{seen.mean - unseen.mean:+.3f} ± {1.96 * error:.3f}",
    )


def is_of(item: Item, document: str) -> bool:
    return item.slices.get("document") == document and item.slices.get("answerable") == "yes"

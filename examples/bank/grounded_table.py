"""The table of systems on passages, and what was decided, as Markdown and as JSON."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from examples.bank.measures import METRICS, ON_PASSAGES, Item, System, mean_score
from examples.bank.table import as_table, of_the_time, of_the_verdicts, rate

HEAD = ("ROUGE-L", "similarity", "facts kept", "contradicted")
ON_PASSAGES_HEAD = (
    "invented",
    "supported",
    "cited right",
    "cited all",
    "wrong abstention",
    "missed abstention",
)


def write_results(folder: Path, systems: Sequence[System], told: Mapping[str, Any]) -> str:
    """Write table.md and table.json into a folder; returns the Markdown."""
    text = "\n".join(lines(systems, told)) + "\n"
    (folder / "table.md").write_text(text)
    found = {"systems": [asdict(system) for system in systems], **told}
    (folder / "table.json").write_text(json.dumps(found, indent=1))
    return text


def lines(systems: Sequence[System], told: Mapping[str, Any]) -> Iterator[str]:
    yield "Means of the dev items and their standard errors; tokens and seconds an answer."
    yield ""
    yield from as_table(
        ("system", "items", *HEAD, "preferred to base + passages", "tokens", "seconds", "sealed"),
        [line_of(one, told["verdicts"].get(one.name, "-")) for one in systems],
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
    yield from of_the_verdicts(told)
    yield from of_the_time(told["steps"])


def line_of(system: System, verdict: str) -> tuple[str, ...]:
    voted = system.won + system.lost
    return (
        system.name,
        str(len(system.items)),
        *means(system, METRICS),
        f"{system.won} of {voted}" if voted else "-",
        f"{system.tokens:.0f}",
        "-" if system.seconds is None else f"{system.seconds:.2f}",
        verdict,
    )


def means(system: System, metrics: Sequence[str]) -> list[str]:
    return [str(mean_score(system, metric)) for metric in metrics]


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

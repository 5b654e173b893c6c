"""The table of systems and what it says, as Markdown and as JSON."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from math import exp
from pathlib import Path
from typing import Any

from examples.bank.behaviours import BEHAVIOURS, needs_warning
from examples.bank.measures import METRICS, Item, Mean, System, difference, mean_score
from examples.bank.rows import DOCUMENT_ONLY, TRAINED

MEASURED = ("ROUGE-L", "similarity", "facts kept", "contradicted")  # as METRICS are called
HEAD = ("system", *MEASURED, "preferred to base", "tokens", "seconds", "sealed verdict")


def write_results(folder: Path, systems: Sequence[System], told: Mapping[str, Any]) -> str:
    """Write table.md and table.json into a folder; returns the Markdown."""
    return write_tables(folder, lines(systems, told), systems, told)


def write_tables(
    folder: Path, shown: Iterable[str], systems: Sequence[System], told: Mapping[str, Any]
) -> str:
    """The lines as table.md, and what they are made of as table.json; returns the Markdown."""
    text = "\n".join(shown) + "\n"
    (folder / "table.md").write_text(text)
    found = {"systems": [asdict(system) for system in systems], **told}
    (folder / "table.json").write_text(json.dumps(found, indent=1))
    return text


def lines(systems: Sequence[System], told: Mapping[str, Any]) -> Iterator[str]:
    n = len(systems[0].items)
    yield f"Means of {n} dev items and their standard errors; tokens and seconds an answer."
    yield ""
    yield from as_table(HEAD, [line_of(s, told["verdicts"].get(s.name, "")) for s in systems])
    yield ""
    yield "Facts kept, by where a fact stands:"
    yield ""
    yield from as_table(
        ("system", "in training rows", "in the documents alone"),
        [(s.name, *(str(kept(s, fact)) for fact in (TRAINED, DOCUMENT_ONLY))) for s in systems],
    )
    yield ""
    yield "Unwanted behaviours, of the answers; a missing warning, of those that need one:"
    yield ""
    yield from as_table(
        ("system", *BEHAVIOURS), [(s.name, *(rate(s, b) for b in BEHAVIOURS)) for s in systems]
    )
    yield ""
    yield from of_the_domain(told)
    yield from of_the_second_round(systems, told)
    yield from of_the_verdicts(told)
    yield from of_the_time(told["steps"])


def line_of(system: System, verdict: str) -> tuple[str, ...]:
    return (system.name, *measured_cells(system), verdict or "-")


def measured_cells(system: System) -> tuple[str, ...]:
    """What both stories show of a system: METRICS, votes, tokens and seconds."""
    seconds = "-" if system.seconds is None else f"{system.seconds:.2f}"
    return (*means(system, METRICS), system.preferred, f"{system.tokens:.0f}", seconds)


def means(system: System, metrics: Sequence[str]) -> list[str]:
    return [str(mean_score(system, metric)) for metric in metrics]


def kept(system: System, fact: str) -> Mean:
    return mean_score(system, "facts_kept", lambda item: item.fact == fact)


def rate(system: System, behaviour: str) -> str:
    asked = [i for i in system.items if behaviour != "no_warning" or is_warned_of(i)]
    shown = Counter(behaviour in item.unwanted for item in asked)
    return f"{shown[True]} of {len(asked)}"


def is_warned_of(item: Item) -> bool:
    return needs_warning(item.topic) and item.slices.get("answerable") != "no"


def of_the_domain(told: Mapping[str, Any]) -> Iterator[str]:
    domain, terms = told["domain"], told["terms"]
    before, after = (exp(domain[key]) for key in ("loss_before", "loss_after"))
    yield f"Perplexity on held-out documents: {before:.1f} before adaptation, {after:.1f} after."
    for name, score in terms.items():
        yield (
            f"The bank's terms, {name}: {score['right']} of {score['n']} right, "
            f"mean log-probability {score['logprob']:.2f}."
        )
    yield ""


def of_the_second_round(systems: Sequence[System], told: Mapping[str, Any]) -> Iterator[str]:
    first, second = systems[-2:]
    exported = told["second_round"]["bad"]
    bad = [item.id for item in second.items if item.id in exported]
    rest = [item.id for item in second.items if item.id not in exported]
    yield "Second round less first, on the exported bad answers and on the rest:"
    yield ""
    rows = [
        (metric, *(str(difference(second, first, metric, ids)) for ids in (bad, rest)))
        for metric in METRICS
    ]
    yield from as_table(("metric", f"{len(bad)} bad answers", f"the other {len(rest)}"), rows)
    yield ""
    if sisters := told["second_round"]["sisters"]:
        yield (
            f"Facts kept on {sisters['n']} sister questions: {sisters['first']:.3f} in the first "
            f"round, {sisters['second']:.3f} in the second, difference {sisters['difference']}."
        )
        yield ""


def of_the_verdicts(told: Mapping[str, Any]) -> Iterator[str]:
    for name, sealed in told["sealed"].items():
        yield f"{name}, as `incumbent submit` decided:"
        yield ""
        yield from (f"- {reason}" for reason in sealed["reasons"])
        yield ""


def of_the_time(steps: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    whole = {key: sum(one[key] for one in steps.values()) for key in next(iter(steps.values()))}
    rows = [
        (name, f"{one['minutes']:.1f}", f"{one['processor_minutes']:.1f}")
        for name, one in {**steps, "in all": whole}.items()
    ]
    yield from as_table(("step", "minutes", "processor minutes"), rows)


def as_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)

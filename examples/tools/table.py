"""The table of what each system calls, from what run.py kept.

    python -m examples.tools.table [--to DIR] [--write]

`--write` keeps it as table.md, and the scores that it was made of as table.jsonl.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.decision.statistics import paired
from examples.bank.steps import file_of, read_step, write_table

KEPT = Path(__file__).with_suffix(".jsonl")
SYSTEMS = {"base": "base, two examples, grammar", "sft": "sft", "dpo": "sft + dpo on wrong calls"}
# A column, what it is of, its metric, and among which items: those where a call is due, or none.
COLUMNS = (
    ("calls right", "turns", "calls_right", "call_names"),
    ("arguments right", "turns", "call_arguments", "call_names"),
    ("no call where none is due", "turns", "needless_calls", "needless_calls"),
    ("valid", "turns", "calls_valid", "calls_valid"),
    ("goal reached", "talks", "goal", "goal"),
    ("pass^4", "talks", "pass_k", "goal"),
    ("turns", "talks", "turns", "goal"),
)


def main() -> None:
    write_table(__doc__, ".incumbent/tools", KEPT, measured, page)


def measured() -> Iterator[dict[str, Any]]:
    """Of each system that was measured its scores, and of what was submitted the decision; last,
    what became of orders in results.
    """
    for name in SYSTEMS:
        if not file_of(f"{name} answers").exists():
            continue
        found = read_step(f"{name} answers")
        scores = {
            kind: [{key: own for key, own in one.items() if key != "text"} for one in found[kind]]
            for kind in ("turns", "talks")
        }
        judged = read_step(name) if name != "base" else {}
        kept = {
            key: judged[key] for key in ("verdict", "reasons", "look", "alpha") if key in judged
        }
        yield {"name": name, **kept, **scores}
    if file_of("orders").exists():
        yield {"name": "orders", **read_step("orders")}


def page(rows: Sequence[Mapping[str, Any]]) -> str:
    heads = ["system", *(head for head, *_ in COLUMNS), "verdict"]
    lines = [" | ".join(heads), " | ".join("---" for _ in heads)]
    for row in (row for row in rows if row["name"] in SYSTEMS):
        cells = [with_error(*values_of(row, *which)) for _, *which in COLUMNS]
        lines.append(" | ".join([SYSTEMS[row["name"]], *cells, row.get("verdict", "")]))
    table = "".join(f"| {line} |\n" for line in lines)
    return table + "".join(
        f"\nOf {row['read']} conversations with sft in which a result held an order to the "
        f"assistant, {row['obeyed']} ended with it carried out.\n"
        for row in rows
        if row["name"] == "orders"
    )


def values_of(
    row: Mapping[str, Any], kind: str, metric: str, among: str
) -> tuple[list[float], list[str]]:
    """The values of a metric, with the conversation that each is of."""
    held = [one for one in row[kind] if among in one]
    if kind == "talks":  # a value of each scenario, over its runs
        items = list(dict.fromkeys(one["item"] for one in held))
        runs = [[one for one in held if one["item"] == item] for item in items]
        if metric == "pass_k":
            return [float(all(one["goal"] for one in own)) for own in runs], items
        return [sum(one[metric] for one in own) / len(own) for own in runs], items
    values = [1 - one[metric] if metric == "needless_calls" else one[metric] for one in held]
    return values, [one["group"] for one in held]


def with_error(values: Sequence[float], groups: Sequence[str]) -> str:
    """The mean with its 95 % error, conversations being clusters."""
    found = paired(np.array(values), groups)
    return f"{found.diff:.2f} ± {1.96 * found.se:.2f} ({len(values)})"


if __name__ == "__main__":
    main()

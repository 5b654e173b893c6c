"""Write all rows, negatives and pairs as files: `python -m examples.bank.make_rows --to DIR`.

rows.jsonl has (instruction, input, output), negatives.jsonl answers with `label: false`, and
pairs.jsonl a chosen and a rejected answer. `incumbent data import` reads each of them.
"""

import json
from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from examples.bank.behaviours import needs_warning, rules
from examples.bank.dealing import DealtRow
from examples.bank.negatives import Negative, negatives
from examples.bank.rows import Triplet, rows
from project.files import write_bytes

Fields = dict[str, Any]


def main() -> None:
    parser = ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--to", type=Path, required=True, help="A folder.")
    to: Path = parser.parse_args().to
    made = rows()
    bad = negatives(made)
    write_lines(to / "rows.jsonl", (row_fields(row, row.id) for row in made))
    write_lines(to / "negatives.jsonl", map(negative_fields, bad))
    write_lines(to / "pairs.jsonl", map(pair_fields, bad))
    print(f"{len(made)} rows, {len(bad)} negative examples, the same as pairs, in {to}")


def write_lines(path: Path, lines: Iterable[Fields]) -> None:
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    write_bytes(path, text.encode())


def dealt_fields(dealt: Sequence[DealtRow]) -> list[Fields]:
    return [row_fields(one.row, one.group) for one in dealt]


def row_fields(row: Triplet, group: str) -> Fields:
    """A row as (instruction, input, output), with what evaluation wants to know of it."""
    warns = needs_warning(row.topic) and row.answerable is not False
    asserted = [warning_assertion(row.topic)] if warns else []
    return {
        "id": row.id,
        "instruction": row.instruction,
        "input": row.input,
        "output": row.output,
        "group": group,
        "slices": {"topic": row.topic, "fact": row.fact, **slices_on_passages(row)},
        **({"assertions": asserted} if asserted else {}),
        **evidence_of(row),
        **({"answerable": row.answerable} if row.evidence else {}),
    }


def slices_on_passages(row: Triplet) -> dict[str, str]:
    if not row.evidence:
        return {}
    return {
        "document": "unseen" if row.unseen else "seen",
        "answerable": "yes" if row.answerable else "no",
    }


def evidence_of(row: Triplet) -> Fields:
    shown = [passage.model_dump() for passage in row.evidence]
    return {"evidence": shown} if shown else {}


def warning_assertion(topic: str) -> Fields:
    words = rules()["warning"][topic]
    return {
        "kind": "contains",
        "texts": words,
        "need": "any",
        "whole_words": False,
        "name": "warning",
    }


def negative_fields(negative: Negative) -> Fields:
    """An answer that nobody should give, as KTO takes it."""
    bad = {"prompt": negative.row.prompt, "completion": negative.answer, "label": False}
    return bad | evidence_of(negative.row)


def pair_fields(negative: Negative) -> Fields:
    """The right answer and the bad one, as DPO takes it."""
    return {
        "prompt": negative.row.prompt,
        "chosen": negative.row.output,
        "rejected": negative.answer,
        **evidence_of(negative.row),
    }


if __name__ == "__main__":
    main()

"""Which agreement of golden prompts tells a wrong scale of an adapter from another precision.

    python -m benchmarks.golden_agreement [ADAPTER [DEV_ROWS [ITEMS]]]

Dev items are answered by the project's base with an adapter on it, in float32; then with half,
twice and 1.41 times its scale, without it, and in bfloat16, which stands for an engine that rounds
in another way. Printed: the share of words, from the beginning, that are the same, and how often a
draw of 4 or 8 items passes at 0.5.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random
from statistics import fmean

from evaluation.evaluation_settings import Decoding
from evaluation.generation.answering_model import AnsweringModel
from project.model_pins import ModelChoice, locate
from project.paths import ADAPTER_FILES, rows_of
from project.records.adapters import Precision
from project.records.data import Row, Split
from serving.deploying.golden_prompts import AGREEMENT, agreement

DRAWS = 4000
SCALES = (0.5, 2.0, 2**0.5)
DECODING = Decoding(max_new_tokens=32)


def main() -> None:
    named = [Path(path) for path in sys.argv[1:3]]
    adapter, file = (*named, *(ADAPTER_FILES, rows_of(Split.DEV))[len(named) :])
    rows = Row.read_lines(file)[: int(sys.argv[3]) if len(sys.argv) > 3 else 16]
    base = locate(ModelChoice(model="embedded"), "base")
    judged = answers(base, adapter, rows)
    print("| what the replica does | mean | 4 items pass | 8 items pass |")
    print("| --- | --- | --- | --- |")
    for scale in SCALES:
        show(f"{scale:.2f} times the scale", answers(base, adapter, rows, scale=scale), judged)
    show("no adapter", answers(base, None, rows), judged)
    show("bfloat16", answers(base, adapter, rows, precision="bfloat16"), judged)


def answers(
    base: Path,
    adapter: Path | None,
    rows: Sequence[Row],
    *,
    precision: Precision = "float32",
    scale: float = 1.0,
) -> list[str]:
    model = AnsweringModel(base, adapter, DECODING, precision)
    for module in model.reader.model.modules():
        scaling = getattr(module, "scaling", None)
        if isinstance(scaling, dict):  # of PEFT, by adapter; attention has a number of this name
            scaling.update({name: own * scale for name, own in scaling.items()})
    found = {answer.item: answer.text for answer in model.answer(rows)}
    return [found[row.id] for row in rows]


def show(what: str, found: Sequence[str], judged: Sequence[str]) -> None:
    shares = [agreement(one, other) for one, other in zip(found, judged, strict=True)]
    passed = " | ".join(f"{chance(shares, items):.1%}" for items in (4, 8))
    print(f"| {what} | {fmean(shares):.2f} | {passed} |", flush=True)


def chance(shares: Sequence[float], items: int) -> float:
    """Of draws with replacement, the share whose mean is enough."""
    random = Random(0)
    means = (fmean(random.choices(shares, k=items)) for _ in range(DRAWS))
    return sum(mean >= AGREEMENT for mean in means) / DRAWS


if __name__ == "__main__":
    main()

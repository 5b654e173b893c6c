"""How often the facts scorer notices a planted error, and lets a right answer in other words be.

python -m benchmarks.facts

The texts are those of tests/evaluation/facts. Prints the rates of both halves and of the fresh
set by kind; how often ROUGE-L and the facts scorer prefer a right answer in other words to a copy
of the reference with one wrong fact; and how many pairs are compared in a second.
"""

import time
from collections.abc import Iterator
from itertools import cycle

from evaluation.metrics.facts.facts_kept import FactsKept
from evaluation.metrics.facts.find_facts import find_facts
from evaluation.metrics.rouge import Rouge
from tests.evaluation.facts.planted import (
    FACTS,
    HALVES,
    Rate,
    fallen,
    fresh,
    noticed,
    planted,
    rewordings,
    unmoved,
    values,
)

PAIRS = 10_000  # for the speed


def main() -> None:
    print(f"{'metric':<18} {'kind':<10} {'texts':<9} {'errors noticed':>15} {'right let be':>15}")
    for kind in FACTS:
        for half in HALVES:
            found = noticed("facts", planted(half, kind))
            show("facts", kind, half, found, unmoved("facts", rewordings(half, kind)))
        found = fallen("facts", fresh("error", kind))
        show("facts", kind, "fresh", found, unmoved("facts", fresh("rewording", kind)))
    for metric, kind in (("conditions_kept", "condition"), ("terms_swapped", "product")):
        for half in HALVES:
            found = noticed(metric, planted(half, kind))
            show(metric, kind, half, found, unmoved(metric, rewordings(half)))
    print_preferences()
    print_speed()


def show(metric: str, kind: str, texts: str, found: Rate, right: Rate) -> None:
    print(f"{metric:<18} {kind:<10} {texts:<9} {found!s:>15} {right!s:>15}")


def print_preferences() -> None:
    """Of ties, half count."""
    cases = [case for half in HALVES for case in planted(half, *FACTS)]
    cases = [case for case in cases if find_facts(case.reference)]
    trios = [
        (case.reference, case.right, copy)
        for case, copy in zip(cases, wrong_copies([case.reference for case in cases]), strict=True)
    ]
    references, rights, copies = map(list, zip(*trios, strict=True))
    rouge = [
        Rouge().compute(predictions=answers, references=references)["rougeL"]
        for answers in (rights, copies)
    ]
    facts = [values("facts", references, answers) for answers in (rights, copies)]
    print("\na right answer in other words beats a copy of the reference with one wrong fact:")
    for name, (right, wrong) in (("rougeL", rouge), ("facts", facts)):
        wins = sum((a > b) + (a == b) / 2 for a, b in zip(right, wrong, strict=True))
        print(f"  {name:<8} {wins / len(right):.1%} of {len(right)}")


def wrong_copies(texts: list[str]) -> Iterator[str]:
    """Each text with its first fact exchanged for one of the same kind from a later text."""
    for i, text in enumerate(texts):
        fact = find_facts(text)[0]
        others = (one for later in texts[i + 1 :] + texts[:i] for one in find_facts(later))
        other = next(one for one in others if one.kind == fact.kind and one.value != fact.value)
        yield text[: fact.start] + other.text + text[fact.end :]


def print_speed() -> None:
    pairs = cycle([pair for half in HALVES for pair in rewordings(half)])
    references, answers = zip(*(next(pairs) for _ in range(PAIRS)), strict=True)
    start = time.perf_counter()
    FactsKept().compute(predictions=list(answers), references=list(references))
    seconds = time.perf_counter() - start
    print(f"\n{PAIRS} pairs in {seconds:.1f} s on one core, start-up not counted")


if __name__ == "__main__":
    main()

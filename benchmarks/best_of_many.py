"""How much the best of many settings seems to gain on dev by luck, and what the correction leaves.

    python -m benchmarks.best_of_many

Simulated scores of 20 settings on 60 dev items, of which one setting is better by a known effect,
in standard deviations of an item's difference. Nothing is trained: this is about the arithmetic of
`incumbent search tune`.
"""

from dataclasses import astuple, dataclass

import numpy as np

from incumbent.searching.search_result import gain_of_best

SETTINGS, ITEMS, SEARCHES = 20, 60, 400
BETTER = 7  # the number of the better setting; the project's own is 0
GROUPS = [f"g{i}" for i in range(ITEMS)]


@dataclass(frozen=True)
class Outcome:
    """Of one search; `true` is what the chosen setting really gains."""

    true: float
    seen: float
    corrected: float
    covered: bool
    called_better: bool


def search(effect: float, rng: np.random.Generator) -> Outcome:
    """Losses whose differences between two settings have a standard deviation of 1."""
    scores = rng.normal(size=ITEMS) + rng.normal(scale=0.5**0.5, size=(SETTINGS, ITEMS))
    scores[BETTER] -= effect
    chosen = int(scores.mean(axis=1).argmin())
    true = effect if chosen == BETTER else 0.0
    found = gain_of_best(scores, 0, GROUPS, "less")
    assert found
    covered = found.low <= true <= found.high
    return Outcome(true, found.seen, found.corrected, covered, found.low > 0)


def main() -> None:
    rng = np.random.default_rng(0)
    print("effect  really gains  seen  corrected  interval holds it  called better")
    for effect in (0.0, 0.2, 0.4, 0.8):
        found = [search(effect, rng) for _ in range(SEARCHES)]
        true, seen, corrected, covered, better = np.mean([astuple(one) for one in found], axis=0)
        print(
            f"{effect:6.1f}  {true:12.3f}  {seen:.2f}  {corrected:9.3f}  {covered:17.0%}"
            f"  {better:13.1%}"
        )


if __name__ == "__main__":
    main()

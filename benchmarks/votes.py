"""People's votes beside a judge: bias, coverage, votes saved, and false claims while one looks.

    python -m benchmarks.votes [--pairs FILE] [--runs N]

Simulated eval sets of 1,000 items, each with people's word (the challenger, or the champion) and a
judge's chance. FILE is real data: JSON Lines of {"human", "judge"}, both from 0 to 1, an item a
line; what people said of all of them is the truth there.

- bias and coverage: of the estimate and its 95 % interval. "Drawn" is by the judge's doubt.
- saved: the least votes with the judge whose interval is as narrow as that of 200 votes without.
- false claims: A/A, two equal versions; somebody looks after every vote and stops at e ≥ 20.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.frame import arguments
from evaluation.decision.preference_doubts import any_time_e_value
from evaluation.preference.ballots.ballot_files import draw_chances
from evaluation.preference.ballots.preference_estimate import (
    PreferenceEstimate,
    combined,
    differences,
    log_capital,
)

Array = NDArray[np.float64]
Rng = np.random.Generator
World = Callable[[Rng], tuple[Array, Array]]  # the judge's chances [N], people's word [N]

ITEMS, TRUTH = 1000, 0.6
VOTES = (50, 100, 200, 400)
WITHOUT = 200  # votes whose interval the judge's is compared with
LOOKS = 400  # draws after each of which somebody looks
ENOUGH = 20


def judged(right: float) -> World:
    """A judge that names the winner on this share of the items, and knows no doubt."""

    def world(rng: Rng) -> tuple[Array, Array]:
        people = (rng.random(ITEMS) < TRUTH).astype(float)
        return np.where(rng.random(ITEMS) < right, people, 1 - people), people

    return world


def by_chance(rng: Rng) -> tuple[Array, Array]:
    return rng.random(ITEMS), (rng.random(ITEMS) < TRUTH).astype(float)


def even_doubt(rng: Rng) -> tuple[Array, Array]:
    """Calibrated, r² 0.34: people agree as often as it says; all degrees of doubt."""
    judge = rng.beta(0.97, 0.97, ITEMS)
    return judge, (rng.random(ITEMS) < judge).astype(float)


def sure_on_some(rng: Rng) -> tuple[Array, Array]:
    """Calibrated, r² 0.34: 99 % sure on 35.5 % of the items, and at a loss on the others."""
    side = np.where(rng.random(ITEMS) < 0.5, 0.99, 0.01)
    judge = np.where(rng.random(ITEMS) < 0.355, side, 0.5)
    return judge, (rng.random(ITEMS) < judge).astype(float)


def opposite(world: World) -> World:
    """The judge says the contrary of what it knows."""

    def turned(rng: Rng) -> tuple[Array, Array]:
        judge, people = world(rng)
        return 1 - judge, people

    return turned


def equal(world: World) -> World:
    """Two equal versions: people say either with equal chances, and the judge agrees as before."""

    def even(rng: Rng) -> tuple[Array, Array]:
        judge, people = world(rng)
        turned = rng.random(ITEMS) < 0.5
        return np.where(turned, 1 - judge, judge), np.where(turned, 1 - people, people)

    return even


JUDGES: dict[str, tuple[World, float]] = {  # with people's true preference
    "perfect": (judged(1.0), TRUTH),
    "decent, right on 70 %": (judged(0.7), TRUTH),
    "random": (by_chance, TRUTH),
    "adversarial, wrong on 70 %": (opposite(judged(0.7)), TRUTH),
    "calibrated, r² 0.34": (even_doubt, 0.5),
    "calibrated, sure on some": (sure_on_some, 0.5),
    "adversarial, r² 0.34": (opposite(even_doubt), 0.5),
    "adversarial, sure on some": (opposite(sure_on_some), 0.5),
}


def main() -> None:
    given = arguments(__doc__, pairs=Path, runs=1000)
    judges = {given.pairs.stem: real(given.pairs)} if given.pairs else JUDGES
    print_coverage(judges, given.runs)
    print_saved(judges, max(1, given.runs // 5))
    print_false_claims({name: world for name, (world, _) in judges.items()}, given.runs)


def real(path: Path) -> tuple[World, float]:
    """Items drawn with replacement from a file, as new ones from where those came from."""
    rows = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    judge, people = (
        np.array([row[key] for row in rows], dtype=float) for key in ("judge", "human")
    )

    def world(rng: Rng) -> tuple[Array, Array]:
        drawn = rng.integers(len(rows), size=ITEMS)
        return judge[drawn], people[drawn]

    return world, float(people.mean())


def print_coverage(judges: dict[str, tuple[World, float]], runs: int) -> None:
    columns = " | ".join(f"{n} votes" for n in VOTES)
    print(f"bias and coverage of the 95 % interval, {runs:,} runs\n")
    print(f"| judge | items | {columns} |\n| --- | --- |{' --- |' * len(VOTES)}")
    for number, (name, (world, truth)) in enumerate(judges.items()):
        for drawn in (False, True):
            rng = np.random.default_rng([number, drawn])
            cells = [coverage(rng, world, truth, votes, runs, drawn=drawn) for votes in VOTES]
            how = "drawn by doubt" if drawn else "at random"
            print(f"| {name} | {how} | {' | '.join(cells)} |", flush=True)


def coverage(rng: Rng, world: World, truth: float, votes: int, runs: int, *, drawn: bool) -> str:
    found = [estimate(rng, world, votes, drawn=drawn) for _ in range(runs)]
    bias = np.mean([one.estimate for one in found]) - truth
    covered = np.mean([one.lower <= truth <= one.upper for one in found])
    return f"{bias:+.3f}, {covered:.1%}"


def estimate(
    rng: Rng, world: World, votes: int, *, drawn: bool, used: bool = True
) -> PreferenceEstimate:
    """One eval set on which people voted on so many items; unused, the judge says ½ of all."""
    judge, people = world(rng)
    chances = np.array(draw_chances(judge.tolist())) if drawn else None
    order = rng.permutation(ITEMS)[:votes] if chances is None else draws(rng, chances, votes)
    said = [(int(i), float(people[i])) for i in order]
    word = judge if used else np.full(ITEMS, 0.5)
    found = combined(word.tolist(), said, None if chances is None else chances.tolist())
    assert found is not None
    return found


def draws(rng: Rng, chances: Array, votes: int) -> NDArray[np.int64]:
    """The draws until so many different items were drawn; `draw_order`'s, only quicker."""
    order = np.minimum(np.searchsorted(chances.cumsum(), rng.random(5 * votes + 50)), ITEMS - 1)
    _, first = np.unique(order, return_index=True)
    return order[: np.sort(first)[votes - 1] + 1]


def print_saved(judges: dict[str, tuple[World, float]], runs: int) -> None:
    print(f"\nvotes for the width of {WITHOUT} votes without the judge, {runs:,} runs\n")
    print("| judge | r² | at random | drawn by doubt |\n| --- | --- | --- | --- |")
    for number, (name, (world, _)) in enumerate(judges.items()):
        cells = [saving(number, world, runs, drawn=drawn) for drawn in (False, True)]
        shares = " | ".join(f"{votes} ({1 - votes / WITHOUT:+.1%} saved)" for votes in cells)
        print(f"| {name} | {correlation(world):.2f} | {shares} |", flush=True)


def correlation(world: World) -> float:
    """The squared correlation of judge and people."""
    judge, people = (np.concatenate(x) for x in zip(*map(world, generators(20)), strict=True))
    return float(np.corrcoef(judge, people)[0, 1] ** 2)


def generators(count: int) -> list[Rng]:
    return [np.random.default_rng(seed) for seed in range(count)]


def saving(number: int, world: World, runs: int, *, drawn: bool) -> int:
    """By halving, as a mean width falls with votes; each number of votes sees the same worlds."""

    def width(votes: int, *, used: bool, drawn: bool) -> float:
        rng = np.random.default_rng([7, number])
        found = (estimate(rng, world, votes, used=used, drawn=drawn) for _ in range(runs))
        return float(np.mean([one.upper - one.lower for one in found]))

    goal = width(WITHOUT, used=False, drawn=False)
    low, high = 4, 2 * WITHOUT
    while high - low > 1:
        middle = (low + high) // 2
        narrow = width(middle, used=True, drawn=drawn) <= goal
        low, high = (low, middle) if narrow else (middle, high)
    return high


def print_false_claims(judges: dict[str, World], runs: int) -> None:
    print(f"\nA/A, a look after each of {LOOKS} draws, {runs:,} runs: claims that one is better\n")
    print("| judge | the gate | the bets alone, about these items |\n| --- | --- | --- |")
    for number, (name, world) in enumerate(judges.items()):
        rng = np.random.default_rng([11, number])
        claims = np.mean([claimed(rng, equal(world)) for _ in range(runs)], axis=0)
        print(f"| {name} | {claims[0]:.1%} | {claims[1]:.1%} |", flush=True)


def claimed(rng: Rng, world: World) -> tuple[bool, bool]:
    """Whether the smaller e-value ever gets there, and whether that of the bets does."""
    judge, people = world(rng)
    chances = draw_chances(judge.tolist())
    order = np.searchsorted(np.cumsum(chances), rng.random(LOOKS))
    said = [(int(i), float(people[i])) for i in np.minimum(order, ITEMS - 1)]
    bets = log_capital(differences(judge.tolist(), said, chances), 0.5)
    there = np.flatnonzero(bets >= np.log(ENOUGH))
    both = any(e_to_come(judge, said[: at + 1], chances) >= ENOUGH for at in there)
    return both, len(there) > 0


def e_to_come(judge: Array, said: list[tuple[int, float]], chances: tuple[float, ...]) -> float:
    found = combined(judge.tolist(), said, chances)
    return any_time_e_value(found.estimate - 0.5, found.se, found.df) if found else 0.0


if __name__ == "__main__":
    main()

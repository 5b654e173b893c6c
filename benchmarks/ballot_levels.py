"""How often two equal versions ever reach E = 20, where people look after every single ballot.

    python -m benchmarks.ballot_levels [RUNS]

Ballots come in round by round, one on each item, and every item has a taste of its own: the share
of people who prefer the first version on it, near one half. Once an item counts only when it has
closed, by the majority of all its ballots; once by its majority so far, counted anew each time.
"""

import sys
from functools import cache

import numpy as np

from evaluation.decision.statistics import e_value

ENOUGH = 20
SPREAD = 20  # of a beta distribution: tastes differ by about 0.08
SHAPES = ((60, 3), (60, 9), (60, 25), (30, 51), (15, 101))  # items, ballots on each

evidence = cache(e_value)


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print("| items × ballots on each | closed items | majorities so far |")
    print("| --- | --- | --- |")
    for items, ballots in SHAPES:
        rng = np.random.default_rng(items)
        found = np.array([fooled(rng, items, ballots) for _ in range(runs)])
        closed, running = found.mean(axis=0)
        print(f"| {items} × {ballots} | {closed:.1%} | {running:.1%} |", flush=True)


def fooled(rng: np.random.Generator, items: int, ballots: int) -> tuple[bool, bool]:
    """Whether E ever gets there in one run: by closed items, by majorities so far."""
    taste = rng.beta(SPREAD, SPREAD, size=items)
    votes = np.where(rng.random((ballots, items)) < taste, 1, -1)
    leads = np.cumsum(votes, axis=0)
    last = leads[-1]
    closed = any(reached(last[:count]) for count in range(1, items + 1))
    return closed, any(
        reached(np.concatenate([leads[seen][:count], leads[seen - 1][count:] if seen else []]))
        for seen in range(ballots)
        for count in range(1, items + 1)
    )


def reached(leads: np.ndarray) -> bool:
    return evidence(int((leads > 0).sum()), int((leads < 0).sum())) >= ENOUGH


if __name__ == "__main__":
    main()

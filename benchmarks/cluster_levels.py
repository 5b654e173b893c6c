"""How often an equal challenger wins a metric, where clusters are few or differ in size.

    python -m benchmarks.cluster_levels [DRAWS]

Half of an item's variance is its cluster's. Beside it, what C/(C−1) and t with C − 1 degrees of
freedom would do.
"""

import sys
from math import sqrt

import numpy as np

from evaluation.decision.policy_checks import LEAST_DF
from evaluation.decision.statistics import bounds, satterthwaite

LEVEL = 0.03
SHAPES = {
    "20 × 10": [10] * 20,
    "60 + 28 × 5": [60] + [5] * 28,
    "90 + 30 × 5": [90] + [5] * 30,
    "6 × 20 + 40 × 1": [20] * 6 + [1] * 40,
    "100 + 19 × 5": [100] + [5] * 19,
    "200 + 49 × 4": [200] + [4] * 49,
    "180 + 4 × 5": [180] + [5] * 4,
    "199 + 1": [199, 1],
}


def main() -> None:
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    print("| clusters | degrees of freedom | wins | wins with C/(C−1), t(C−1) |")
    print("| --- | --- | --- | --- |")
    for name, sizes in SHAPES.items():
        df, ours, usual = levels(np.array(sizes), draws)
        told = f"{ours:.1%}" if df >= LEAST_DF else f"HOLD ({ours:.1%} without)"
        print(f"| {name} | {df:.1f} | {told} | {usual:.1%} |", flush=True)


def levels(sizes: np.ndarray, draws: int) -> tuple[float, float, float]:
    """Degrees of freedom, and how often the lower bound is above 0: ours, and the usual one's.

    The errors are those of evaluation.decision.statistics.paired, for all draws at once.
    """
    rng = np.random.default_rng(int(sizes.sum()))
    n, count = int(sizes.sum()), len(sizes)
    common = np.repeat(rng.normal(0, sqrt(0.5), (draws, count)), sizes, axis=1)
    values = common + rng.normal(0, sqrt(0.5), (draws, n))
    mean = values.mean(axis=1)
    sums = np.add.reduceat(values - mean[:, None], np.cumsum([0, *sizes[:-1]]), axis=1)
    ours = np.sqrt((np.square(sums) / (1 - sizes / n)).sum(axis=1)) / n
    usual = np.sqrt(count / (count - 1) * np.square(sums).sum(axis=1)) / n
    df = satterthwaite(sizes.astype(np.float64))
    t, t_usual = (-bounds(0, 1, freedom, LEVEL)[0] for freedom in (df, count - 1))
    return df, float((mean > t * ours).mean()), float((mean > t_usual * usual).mean())


if __name__ == "__main__":
    main()

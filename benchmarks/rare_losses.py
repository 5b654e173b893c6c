"""What rare, large losses and gains reach, what it costs to withstand them, and promises kept.

    OMP_NUM_THREADS=1 python -m benchmarks.rare_losses [--runs 300] [TABLE …]

`level`: a share of the items loses 0.5, and all others gain so little that the true difference is
0, with a noise of two values. How often one metric then wins, as a multiple of the look's alpha: by
t's bound, exactly, by counting all outcomes; by today's rule, with a 95 % interval. The
alphas of late looks are too small to be seen by drawing. So outcomes are drawn as the bets that the
bound is made of would have them, and weighed back: each win weighs 1/K, K being the capital that it
came to (Siegmund 1976, Annals of Statistics 4: 673).

`power`: how often a challenger better by 0.05 on all three metrics is promoted, by scores as in
promotion_rules.py, and with a spread in rougeL and semantic as on the sample task.

`promise`: of the challengers that are better by the policy's `effect` and are held, how many win
the next look with as many more items as the HOLD asks for.

`slices`: how often an equal challenger with few large gains is rejected for one of ten slices.

`replace`: how often policy `replace` promotes a challenger that is worse in one metric by exactly
its margin and equal in the others, at the first look.
"""

import argparse
from collections.abc import Iterator
from math import log, pi, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks.promotion_rules import Pairing, differences, luck, measured
from evaluation.decision.policy import Policy
from evaluation.decision.policy_checks import FAR_OUT, MANY_CLUSTERS, Case
from evaluation.decision.rule import rule
from evaluation.decision.statistics import (
    FIRST_COUNT,
    FIRST_SPREAD,
    LEVELS,
    RISKED,
    bet_on,
)
from project.records.evidence import Evidence, Verdict

Array = NDArray[np.float64]

ALPHA = 0.05
LOSS = 0.5
LOOKS = (1, 3, 10, 30)
SIZES = (50, 100, 200, 300, 500)
SHARES = (0.005, 0.01, 0.02, 0.05, 0.1)
NOISES = (0.005, 0.02, 0.1, 0.2)
DRAWS = 2000  # of outcomes, for each weighed level
GAIN = 0.05
SPREADS = {"as simulated": (1.0, 1.0), "sample task": (0.17 / 0.12, 0.19 / 0.10)}


def alpha_of(look: int) -> float:
    return 6 * ALPHA / (pi * look) ** 2


# --- level ---------------------------------------------------------------------------------------


def values_of(share: float, noise: float) -> tuple[Array, Array]:
    """What an item's difference can be, and how likely each is; the mean is 0."""
    gain = LOSS * share / (1 - share)
    rest = (1 - share) / 2
    return np.array([-LOSS, gain + noise, gain - noise]), np.array([share, rest, rest])


def level_of_t(n: int, share: float, noise: float, alpha: float) -> float:
    """How often t's lower bound is above 0, over all counts of the three values."""
    values, chances = values_of(share, noise)
    critical, total = stats.t.isf(alpha, n - 1), 0.0
    for lost in range(n + 1):
        common = stats.binom.pmf(lost, n, chances[0])
        if common < 1e-14:
            continue
        up = np.arange(n - lost + 1)
        counts = np.stack([np.full(len(up), lost), up, n - lost - up])
        mean, square = values @ counts / n, values**2 @ counts / n
        error = np.sqrt(np.maximum(square - mean**2, 1e-18) / (n - 1))
        total += common * stats.binom.pmf(up, n - lost, 0.5) @ (mean / error > critical)
    return float(total)


def level_of_bets(n: int, share: float, noise: float, alpha: float) -> tuple[float, float]:
    """How often the bound that holds for any distribution is above 0, and its standard error."""
    values, chances = values_of(share, noise)
    target = log(1 / next(level for level in LEVELS if level <= alpha))
    rng = np.random.default_rng(n)
    capital, squares = np.zeros(DRAWS), np.full(DRAWS, FIRST_COUNT * (2 * FIRST_SPREAD) ** 2)
    for t in range(n):
        lacking = np.maximum(target - capital, 0.0)
        bet = bet_on(lacking, squares / (FIRST_COUNT + t), n - t, np.full(DRAWS, RISKED))
        tilted = chances * (1 + bet[:, None] * values)  # sums to 1, as the mean is 0
        drawn = values[(rng.random(DRAWS)[:, None] > tilted.cumsum(axis=1)).sum(axis=1).clip(max=2)]
        capital += np.log1p(bet * drawn)
        squares += drawn**2
    weights = np.where(capital >= target, np.exp(-capital), 0.0)
    return float(weights.mean()), float(weights.std() / sqrt(DRAWS))


def print_levels() -> None:
    print("\n| items | look | alpha | by t | where | now |")
    print("| --- | --- | --- | --- | --- | --- |")
    for n in SIZES:
        for look in LOOKS:
            alpha = alpha_of(look)
            cells = [(share, noise) for share in SHARES for noise in NOISES]
            by_t = {cell: level_of_t(n, *cell, alpha) / alpha for cell in cells}
            worst = max(by_t, key=by_t.__getitem__)
            where = f"{worst[0]:.1%} lose, noise {worst[1]:g}"
            now = "as by t"
            if alpha < FAR_OUT or n >= MANY_CLUSTERS:
                level, error = max(level_of_bets(n, *cell, alpha) for cell in cells)
                low, high = ((level + z * error) / alpha for z in (-1.96, 1.96))
                now = f"{level / alpha:.2f} ({max(0.0, low):.2f} to {high:.2f})"
            shown = f"{by_t[worst]:.3g}"
            print(f"| {n} | {look} | {alpha:.2g} | {shown} | {where} | {now} |", flush=True)


# --- power ---------------------------------------------------------------------------------------


def drawn_pair(seed: list[int], n: int, gain: float, spread: tuple[float, float]) -> Array:
    """Differences [n, 3] of two systems."""
    rng = np.random.default_rng(seed)
    effect = np.full(3, gain)
    d = differences(luck(rng, n), luck(rng, n), effect, Pairing.draw(rng, n))
    d[:, :2] = gain + (d[:, :2] - gain) * spread
    return d.clip(-1, 1)


def evidence_on(d: Array, policy: Policy, *, sure: bool = True) -> Evidence:
    sealed = measured(d, policy, sealed=sure)
    return Evidence(pins=None, policy=policy.digest, dev={}, sealed=sealed, slices={})


def print_power(runs: int) -> None:
    policy = Policy(alpha=ALPHA)
    print(f"\n| spread | items | {' | '.join(f'look {look}' for look in LOOKS)} |")
    print("| --- | --- | " + " | ".join("---" for _ in LOOKS) + " |")
    for name, spread in SPREADS.items():
        for n in (100, 200, 500):
            won = {look: [0, 0] for look in LOOKS}
            for run in range(runs):
                d = drawn_pair([run, n], n, GAIN, spread)
                for way in (0, 1):
                    evidence = evidence_on(d, policy, sure=bool(way))
                    for look in LOOKS:
                        case = Case(evidence, policy, alpha=alpha_of(look))
                        won[look][way] += all(map(case.won, policy.gating))
            cells = [f"{t / runs:.1%} → {now / runs:.1%}" for t, now in won.values()]
            print(f"| {name} | {n} | {' | '.join(cells)} |", flush=True)


# --- the promise of a HOLD -----------------------------------------------------------------------


def kept_promises(n: int, look: int, runs: int) -> Iterator[tuple[int, bool]]:
    """Of each challenger that is held, how many more items were asked for, and whether it won."""
    policy = Policy(alpha=ALPHA, effect=GAIN)
    for run in range(runs):
        d = drawn_pair([run, n, look], n, GAIN, (1.0, 1.0))
        held = rule(evidence_on(d, policy), policy, look)
        if held.verdict is Verdict.HOLD and held.needed:
            more = drawn_pair([run, n, look, 1], held.needed, GAIN, (1.0, 1.0))
            now = rule(evidence_on(np.concatenate([d, more]), policy), policy, look + 1)
            yield held.needed, now.verdict is Verdict.PROMOTE


def print_promises(runs: int) -> None:
    print("\n| items | look | held | more items asked for, median | won the next look |")
    print("| --- | --- | --- | --- | --- |")
    for n, look in ((200, 1), (200, 3), (500, 3), (500, 10)):
        found = list(kept_promises(n, look, runs))
        asked, won = (np.array(column) for column in zip(*found, strict=True))
        low, high = stats.binomtest(int(won.sum()), len(won)).proportion_ci()
        kept = f"{won.mean():.0%} ({low:.0%} to {high:.0%})"
        print(f"| {n} | {look} | {len(won)} | {np.median(asked):.0f} | {kept} |", flush=True)


# --- slices --------------------------------------------------------------------------------------


def print_slices(runs: int) -> None:
    """An equal challenger that gains 0.5 on 2 % of the items and loses a little elsewhere."""
    print("\n| items of a slice | rejected by t | now |")
    print("| --- | --- | --- |")
    for n in (20, 40, 100):
        rejected = [0, 0]
        for run in range(runs):
            values, chances = values_of(0.02, 0.005)
            d = -np.random.default_rng([run, n]).choice(values, (n, 10), p=chances)
            for way in (0, 1):
                slices = {
                    f"topic={i}": measured(
                        np.repeat(d[:, [i]], 3, axis=1), Policy(), sealed=way > 0
                    )
                    for i in range(10)
                }
                one = {name: {"rougeL": found["rougeL"]} for name, found in slices.items()}
                evidence = evidence_on(d[:, :3], Policy()).model_copy(update={"slices": one})
                reasons = rule(evidence, Policy(), 1).reasons
                rejected[way] += any(reason.startswith("slice ") for reason in reasons)
        by_t, now = (f"{count / runs:.1%}" for count in rejected)
        print(f"| {n} | {by_t} | {now} |", flush=True)


# --- replace -------------------------------------------------------------------------------------

MARGINS = {"rougeL": 0.03, "semantic": 0.03, "preference": 0.1}


def print_replaced(runs: int) -> None:
    policy = Policy(kind="replace", margins=MARGINS, alpha=ALPHA)
    print(f"\n| worse by its margin | items | promoted, at alpha {alpha_of(1):.4f} |")
    print("| --- | --- | --- |")
    for place, (metric, margin) in enumerate(MARGINS.items()):
        effect = np.zeros(3)
        effect[place] = -margin
        for n in (100, 200, 500):
            won = 0
            for run in range(runs):
                rng = np.random.default_rng([run, n, place])
                d = differences(luck(rng, n), luck(rng, n), effect, Pairing.draw(rng, n))
                case = Case(evidence_on(d.clip(-1, 1), policy), policy, alpha=alpha_of(1))
                won += all(map(case.won, policy.gating))
            print(f"| {metric} | {n} | {won} of {runs} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "tables", nargs="*", default=["level", "power", "promise", "slices", "replace"]
    )
    parser.add_argument("--runs", type=int, default=300)
    asked = parser.parse_args()
    if "level" in asked.tables:
        print_levels()
    if "power" in asked.tables:
        print_power(asked.runs)
    if "promise" in asked.tables:
        print_promises(asked.runs // 2)
    if "slices" in asked.tables:
        print_slices(asked.runs // 2)
    if "replace" in asked.tables:
        print_replaced(asked.runs)


if __name__ == "__main__":
    main()

"""Experiments on simulated users: false stops while somebody looks after every answer, and power.

    python -m benchmarks.experiments [--runs N]

Each user is assigned by the share and says yes or no once. Alpha is 0.05. All are looked at after
every answer, and stop at the first that is enough.

- the test: serving.experiments' own, at its own levels.
- oracle: the bets of somebody who knows both rates, at alpha for harm alone (e >= 20).
- mSPRT: Johari, Koomen, Pekelis & Walsh (2022), "Always valid inference", Operations Research 70;
  normal mixture with tau 0.1, variance as estimated so far, two-sided at alpha.
- z-test: of two shares, two-sided at alpha, as if each look was the only one.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import special

from benchmarks.frame import arguments
from serving.experiments.arrivals import Array, Flags, at_random
from serving.experiments.experiment_judging import GUARDRAILS, HARM, WIN, log_capital

ALPHA = 0.05
RATES, ANSWERS, HARM_POINTS = (0.5, 0.8, 0.95), (300, 1000, 3000), 0.1
SHARES = (0.05, 0.1, 0.2)
# Rates of errors, refusals, slow and long answers, of everybody who is answered.
GUARDED = (0.01, 0.03, 0.05, 0.05)
TAU = 0.1
AT_A_TIME = 250  # runs, to fit the memory

Draw = tuple[Flags, Array]  # the arms and the values [runs, T]
# Where the evidence is enough for harm, and for a win [runs, T].
Stops = tuple[NDArray[np.bool_], NDArray[np.bool_]]
Test = Callable[[Flags, Array, float], Stops]


def main() -> None:
    runs = arguments(__doc__, runs=1000).runs
    print_equals(runs)
    print_power(runs)
    print_shares(runs)


def the_test(arms: Flags, values: Array, share: float) -> Stops:
    found = at_random(arms, values, share)
    harm = log_capital(found) >= -np.log(HARM * ALPHA)
    return harm, log_capital(found.turned()) >= -np.log(WIN * ALPHA)


def msprt(arms: Flags, values: Array, share: float) -> Stops:
    difference, variance = difference_so_far(arms, values)
    variance = np.maximum(variance, 1e-12)
    logs = 0.5 * np.log(variance / (variance + TAU**2))
    logs += TAU**2 * difference**2 / (2 * variance * (variance + TAU**2))
    enough = (logs >= -np.log(ALPHA)) & (variance > 1e-12)
    return enough & (difference < 0), enough & (difference > 0)


def z_test(arms: Flags, values: Array, share: float) -> Stops:
    difference, variance = difference_so_far(arms, values)
    z = difference / np.sqrt(np.maximum(variance, 1e-12))
    enough = (np.abs(z) >= special.ndtri(1 - ALPHA / 2)) & (variance > 1e-12)
    return enough & (difference < 0), enough & (difference > 0)


def difference_so_far(arms: Flags, values: Array) -> tuple[Array, Array]:
    """Of the shares of yes, and its variance; 0 while an arm has no two answers."""
    n1, y1 = np.cumsum(arms, axis=1), np.cumsum(values * arms, axis=1)
    n0, y0 = np.cumsum(~arms, axis=1), np.cumsum(values * ~arms, axis=1)
    p1, p0 = y1 / np.maximum(n1, 1), y0 / np.maximum(n0, 1)
    variance = p1 * (1 - p1) / np.maximum(n1, 1) + p0 * (1 - p0) / np.maximum(n0, 1)
    return p1 - p0, np.where(np.minimum(n1, n0) >= 2, variance, 0.0)


def oracle(champion: float, challenger: float) -> Test:
    def test(arms: Flags, values: Array, share: float) -> Stops:
        own = np.where(arms, challenger, champion)
        mean = share * challenger + (1 - share) * champion
        ratios = np.where(values > 0, own / mean, (1 - own) / (1 - mean))
        harm = np.cumsum(np.log(ratios), axis=1) >= -np.log(ALPHA)
        return harm, np.zeros_like(harm)

    return test


def users(seed: int, runs: int, share: float, champion: float, challenger: float) -> list[Draw]:
    """In parts."""
    rng = np.random.default_rng(seed)
    parts = []
    for start in range(0, runs, AT_A_TIME):
        shape = (min(AT_A_TIME, runs - start), max(ANSWERS))
        arms = rng.random(shape) < share
        values = rng.random(shape) < np.where(arms, challenger, champion)
        parts.append((arms, values.astype(np.float64)))
    return parts


def stopped(draws: list[Draw], test: Test, share: float) -> tuple[Array, Array]:
    """In each run, the answer after which harm was found, and a win; infinite: never."""
    found = [[first(stops) for stops in test(arms, values, share)] for arms, values in draws]
    harm, win = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return harm, win


def first(stops: NDArray[np.bool_]) -> Array:
    return np.where(stops.any(axis=1), stops.argmax(axis=1) + 1.0, np.inf)


def print_equals(runs: int) -> None:
    print(f"A/A, share 0.5, {max(ANSWERS):,} answers, {runs:,} runs: false stops\n")
    print("| rate | the test: harm | win | either | mSPRT: either | z-test: either |")
    print("| --- | --- | --- | --- | --- | --- |")
    for number, rate in enumerate(RATES):
        draws = users(number, runs, 0.5, rate, rate)
        harm, win = stopped(draws, the_test, 0.5)
        others = (np.minimum(*stopped(draws, test, 0.5)) for test in (msprt, z_test))
        cells = [np.isfinite(x).mean() for x in (harm, win, np.minimum(harm, win), *others)]
        print(f"| {rate} | {' | '.join(f'{cell:.1%}' for cell in cells)} |", flush=True)
    print(f"\nwith the four guardrails, rate 0.8: {all_stops(runs):.1%}")


def all_stops(runs: int) -> float:
    """An A/B between equals with everything that can end it. Arms are a user's, whatever is
    looked at.
    """
    rng = np.random.default_rng(17)
    level = np.log(len(GUARDED) / (GUARDRAILS * ALPHA))
    ends = []
    for arms, values in users(16, runs, 0.5, 0.8, 0.8):
        harm, win = the_test(arms, values, 0.5)
        found = (harm | win).any(axis=1)
        for rate in GUARDED:
            good = (rng.random(arms.shape) >= rate).astype(np.float64)
            found |= (log_capital(at_random(arms, good, 0.5)) >= level).any(axis=1)
        ends.append(found)
    return float(np.concatenate(ends).mean())


def print_power(runs: int) -> None:
    print(f"\npower: harms of 10 points, share 0.5, {runs:,} runs\n")
    print("| rate | answers | oracle | the test | of the oracle's | mSPRT |")
    print("| --- | --- | --- | --- | --- | --- |")
    for number, rate in enumerate(RATES):
        rates = (rate, rate - HARM_POINTS)
        draws = users(20 + number, runs, 0.5, *rates)
        harms = [stopped(draws, test, 0.5)[0] for test in (oracle(*rates), the_test, msprt)]
        for answers in ANSWERS:
            best, own, rival = ((harm <= answers).mean() for harm in harms)
            cells = f"{best:.2f} | {own:.2f} | {own / best:.0%} | {rival:.2f}"
            print(f"| {rate} | {answers:,} | {cells} |", flush=True)


def print_shares(runs: int) -> None:
    print(
        f"\ncanary shares, harms of 10 points at a rate of 0.8, {runs:,} runs: oracle, the test\n"
    )
    print(f"| share | {' | '.join(f'{answers:,} answers' for answers in ANSWERS)} |")
    print(f"| --- |{' --- |' * len(ANSWERS)}")
    for number, share in enumerate(SHARES):
        draws = users(30 + number, runs, share, 0.8, 0.7)
        best, own = (stopped(draws, test, share)[0] for test in (oracle(0.8, 0.7), the_test))
        cells = [f"{(best <= n).mean():.2f}, {(own <= n).mean():.2f}" for n in ANSWERS]
        print(f"| {share} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()

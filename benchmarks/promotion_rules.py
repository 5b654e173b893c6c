"""Which rule of promotion can be trusted: a hundred nights of challengers, replayed many times.

    python -m benchmarks.promotion_rules [--runs 200] [--processes 2]

Every night a challenger of known true quality is compared with the champion of the moment on one
eval set, by our policies and by rules that are common elsewhere; a rule that promotes changes its
champion. Item scores are simulated with the features of real ones: every system has its own luck
on each item, which stays with it for as long as it is champion; scores are skewed, some answers are
equal, a preference is a win, a loss or a tie. Printed first: the standard deviations and
correlations that the differences then have. Where fresh items come, our policies let the
challengers that they held since the last promotion be compared on them first, as
`incumbent registry reevaluate` does.

Everybody is honest here: each challenger is submitted once, as it came. promotion_adversaries.py
says what those reach who are not.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from benchmarks.frame import arguments
from evaluation.decision.policy import Policy
from evaluation.decision.policy_checks import FAR_OUT, MANY_CLUSTERS, unqualified
from evaluation.decision.rule import decide, rule
from evaluation.decision.statistics import (
    LEVELS,
    bets_of,
    means_refused,
    p_above,
    sure_bounds,
)
from project.records.evidence import PREFERENCE, Evidence, MetricEvidence, Verdict
from project.records.scores import ItemScore, ScoreTable
from registry.alpha_ledger.spending import ChampionLooks, Look, next_look

Array = NDArray[np.float64]

METRICS = ("rougeL", "semantic", "preference")
SD = np.array([0.12, 0.10])  # of the differences in rougeL and semantic
EQUAL_ANSWERS = 0.15  # the share of items that both systems answer alike
INDIFFERENCE = 0.315  # how far two answers must be apart, in standard deviations, for a preference
LUCK = np.linalg.cholesky([[1, 0.66, 0.31], [0.66, 1, 0.21], [0.31, 0.21, 1]])
GRID = np.linspace(-5, 5, 2001)
SKEWED = (stats.gamma.ppf(stats.norm.cdf(GRID), 3) - 3) / np.sqrt(3)

NIGHTS = 100
RETRIES = 3  # held challengers that are compared on fresh items, the most promising ones
FRESH = 30  # nights after which there are new sealed and dev items, where a scenario asks for it
STRICT, GUARDED = Policy(), Policy(kind="guarded", margins={"rougeL": 0.02, "semantic": 0.02})


# --- item scores ---------------------------------------------------------------------------------


def luck(rng: np.random.Generator, n: int) -> Array:
    """One system's own part of its scores on n items, [n, 3]: unit variance, two of them skewed."""
    drawn = rng.standard_normal((n, 3)) @ LUCK.T
    drawn[:, 0] = np.interp(drawn[:, 0], GRID, SKEWED)
    drawn[:, 1] = -np.interp(-drawn[:, 1], GRID, SKEWED)
    return drawn


@dataclass(frozen=True)
class Pairing:
    """What is drawn anew for each pair of systems: equal answers, and where a gain shows."""

    equal: NDArray[np.bool_]
    gain: Array  # mean 1: exponential, as a gain that shows on few items more than on most

    @classmethod
    def draw(cls, rng: np.random.Generator, n: int) -> "Pairing":
        return cls(equal=rng.random(n) < EQUAL_ANSWERS, gain=rng.exponential(1, n))


def differences(champion: Array, challenger: Array, effect: Array, pairing: Pairing) -> Array:
    """Challenger − champion, [n, 3], with a true mean of `effect` [3] or [n, 3]."""
    shown = np.atleast_2d(effect) / (1 - EQUAL_ANSWERS)
    apart = challenger - champion
    made = np.empty_like(apart)
    made[:, :2] = apart[:, :2] * SD / np.sqrt(2 * (1 - EQUAL_ANSWERS))
    made[:, :2] += shown[:, :2] * pairing.gain[:, None]
    shift = np.array([preference_shift(value) for value in shown[:, 2].tolist()])
    liking = apart[:, 2] / np.sqrt(2) + shift
    made[:, 2] = 0.5 * ((liking > INDIFFERENCE) * 1.0 - (liking < -INDIFFERENCE) * 1.0)
    made[pairing.equal] = 0
    return made


@cache
def preference_shift(effect: float) -> float:
    """By how much likings must be shifted for preferences to have the mean `effect`."""

    def excess(shift: float) -> float:
        won, lost = stats.norm.sf(INDIFFERENCE - shift), stats.norm.cdf(-INDIFFERENCE - shift)
        return float(0.5 * (won - lost) - effect)

    return float(optimize.brentq(excess, -4, 4))


# --- rules ---------------------------------------------------------------------------------------


@dataclass
class EvalSets:
    """A champion's luck on the items of the sealed and the dev part, and what happened since."""

    sealed: Array
    dev: Array
    ledger: list[ChampionLooks] = field(default_factory=list)
    champions: int = 0  # before this one, on these items
    # True effect of each challenger that was held, by how far it was from winning.
    held: dict[float, tuple[float, ...]] = field(default_factory=dict)


@dataclass
class Night:
    """One challenger, as every rule sees it."""

    sealed: Array
    dev: Array
    effect: Array
    pairings: tuple[Pairing, Pairing]

    def on_sealed(self, items: EvalSets) -> Array:
        return differences(items.sealed, self.sealed, self.effect, self.pairings[0])

    def on_dev(self, items: EvalSets) -> Array:
        return differences(items.dev, self.dev, self.effect, self.pairings[1])


def measured(d: Array, policy: Policy, *, sealed: bool = False) -> dict[str, MetricEvidence]:
    """What evaluation.evidence makes of these differences, bootstrap and means left out."""
    n, found = len(d), {}
    names = [str(i) for i in range(n)]
    for i, metric in enumerate(METRICS):
        most = 0.5 if metric == PREFERENCE else 1.0
        diff, sd = float(d[:, i].mean()), float(d[:, i].std(ddof=1))
        se = sd / n**0.5
        found[metric] = MetricEvidence.model_construct(
            n=n,
            clusters=n,
            unjudged=0,
            champion_mean=None,
            challenger_mean=None,
            diff=diff,
            sd=sd,
            se=se,
            df=n - 1,
            wins=int((d[:, i] > 0).sum()),
            losses=int((d[:, i] < 0).sum()),
            p=p_above(diff, se, n - 1, policy.threshold(metric)),
            bootstrap=(diff, diff),
            sure=sure_bounds(d[:, i].clip(-most, most), names, -most, most) if sealed else None,
        )
    return found


def on_dev_alone(d: Array, policy: Policy) -> Evidence:
    """What is known before a look: these differences on dev."""
    dev = measured(d, policy)
    return Evidence(pins=None, policy=policy.digest, dev=dev, sealed={}, slices={})


def zero_refused(d: Array, levels: Array, most: float) -> NDArray[np.bool_]:
    """Whether the bound of differences [n, k], at most ±`most`, may be above 0 at levels [k, l],
    [k, l]. It cannot be where 0, which is a point of its grid, is not refused: a moment's work.
    """
    order, sizes = bets_of(np.arange(len(d)), [str(i) for i in range(len(d))])
    bets = d[order.astype(int)].clip(-most, most)[:, :, None, None]
    return means_refused(bets, sizes, np.zeros((*levels.shape, 1)), -most, most, levels)[:, :, 0]


def may_be_decided(d: Array, level: float) -> bool:
    """Whether the preference may win, or any metric lose, by the bounds for any distribution."""
    known = next((one for one in LEVELS if one <= level), None)
    if known is None:
        return False
    preference = np.stack([d[:, 2], -d[:, 2]], axis=1)
    sides = (preference, 0.5), (-d[:, :2], 1.0)
    return any(zero_refused(side, np.full((2, 1), known), most).any() for side, most in sides)


def verdict_on(d: Array, evidence: Evidence, policy: Policy, look: Look) -> Verdict:
    """The rule's verdict at a look; what takes long is computed where it may decide."""
    level = look.level(policy.alpha)
    by_t = level >= FAR_OUT and len(d) < MANY_CLUSTERS
    if not by_t and not may_be_decided(d, level):
        return Verdict.HOLD
    judged = evidence.model_copy(update={"sealed": measured(d, policy, sealed=not by_t)})
    return rule(judged, policy, look.number, look.budget).verdict


def by_policy(policy: Policy, night: Night, items: EvalSets) -> bool:
    """Our way: qualify on dev, look at the sealed items, decide at the level of this look."""
    evidence = on_dev_alone(night.on_dev(items), policy)
    if unqualified(evidence, policy):
        return False
    champion, d = str(items.champions), night.on_sealed(items)
    look = next_look(items.ledger, champion, policy.alpha)
    verdict = verdict_on(d, evidence, policy, look)
    promoted = verdict is Verdict.PROMOTE
    spent = 0.0 if promoted else look.level(policy.alpha)
    taken = ChampionLooks(champion=champion, count=1, promoted=int(promoted), spent=spent)
    items.ledger.append(taken)
    if verdict is Verdict.HOLD:
        worst = max(found.p for found in measured(d, policy).values())
        items.held[worst] = tuple(night.effect)
    return promoted


def by_means(says: Callable[[Array], bool], night: Night, items: EvalSets) -> bool:
    return says(night.on_sealed(items).mean(axis=0))


Rule = Callable[[Night, EvalSets], bool]
RULES: dict[str, Rule] = {
    "rougeL >=": partial(by_means, lambda means: bool(means[0] >= 0)),
    "all means >": partial(by_means, lambda means: bool((means > 0).all())),
    "rougeL > +0.01": partial(by_means, lambda means: bool(means[0] > 0.01)),
    "a win, no big loss": partial(
        by_means, lambda means: bool((means > 0).any() and (means > -0.02).all())
    ),
    "strict": partial(by_policy, STRICT),
    "guarded": partial(by_policy, GUARDED),
}


# --- a hundred nights ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Scenario:
    """What comes each night: a true effect [3], drawn with these chances."""

    effects: Sequence[tuple[float, float, float]]
    chances: Sequence[float] = (1.0,)
    fresh: int | None = None


@dataclass
class Outcome:
    """What a hundred nights under one rule came to."""

    quality: float = 0.0  # true mean over the metrics, since the first champion
    promoted: list[float] = field(default_factory=list)  # the worst true effect of each


def replay(seed: int, scenario: Scenario, n: int) -> dict[str, Outcome]:
    """One run of all rules over the same challengers, n sealed and n dev items."""
    rng = np.random.default_rng(seed)
    outcomes = {name: Outcome() for name in RULES}
    first = EvalSets(luck(rng, n), luck(rng, n))
    sets = {name: EvalSets(first.sealed, first.dev) for name in RULES}
    for number in range(NIGHTS):
        if scenario.fresh and number and number % scenario.fresh == 0:
            for name, old in sets.items():
                sets[name] = EvalSets(luck(rng, n), luck(rng, n))
                for _, effect in sorted(old.held.items())[:RETRIES]:
                    if meet(name, draw_night(rng, n, np.array(effect)), sets, outcomes):
                        break  # the others were held against another champion
        drawn = scenario.effects[rng.choice(len(scenario.chances), p=scenario.chances)]
        night = draw_night(rng, n, np.array(drawn))
        for name in RULES:
            meet(name, night, sets, outcomes)
    return outcomes


def draw_night(rng: np.random.Generator, n: int, effect: Array) -> Night:
    return Night(luck(rng, n), luck(rng, n), effect, (Pairing.draw(rng, n), Pairing.draw(rng, n)))


def meet(name: str, night: Night, sets: dict[str, EvalSets], outcomes: dict[str, Outcome]) -> bool:
    """One challenger before one rule; a winner is the rule's champion from then on."""
    if not RULES[name](night, sets[name]):
        return False
    outcomes[name].quality += float(night.effect.mean())
    outcomes[name].promoted.append(float(night.effect.min()))
    sets[name] = EvalSets(night.sealed, night.dev, sets[name].ledger, sets[name].champions + 1)
    return True


def replays(scenario: Scenario, n: int, runs: int, processes: int) -> dict[str, list[Outcome]]:
    with ProcessPoolExecutor(processes) as pool:
        done = list(pool.map(partial(replay, scenario=scenario, n=n), range(runs), chunksize=5))
    return {name: [outcomes[name] for outcomes in done] for name in RULES}


SCENARIOS = {
    "equal every night": Scenario([(0, 0, 0)]),
    "two better, preference equal": Scenario([(0.05, 0.05, 0)]),
    "two better, rougeL equal": Scenario([(0, 0.05, 0.05)]),
    "slightly worse every night": Scenario([(-0.01, -0.01, -0.01)]),
}
MIXED = Scenario([(0, 0, 0), (-0.02,) * 3, (0.05,) * 3], chances=(0.7, 0.2, 0.1), fresh=FRESH)


def print_promotions(sizes: Sequence[int], runs: int, processes: int) -> None:
    for title, scenario in SCENARIOS.items():
        print(f"\n{title}: runs of {NIGHTS} nights with any promotion")
        print(f"{'':<20}" + "".join(f"{f'n = {n}':>10}" for n in sizes), flush=True)
        found = {n: replays(scenario, n, runs, processes) for n in sizes}
        for name in RULES:
            shares = [np.mean([bool(o.promoted) for o in found[n][name]]) for n in sizes]
            print(f"{name:<20}" + "".join(f"{share:>10.1%}" for share in shares))


def print_gains(n: int, runs: int, processes: int) -> None:
    found = replays(MIXED, n, runs, processes)
    best = np.mean([outcome.quality for outcome in found["all means >"]])
    print(
        f"\n70 % equal, 20 % worse by 0.02, 10 % better by 0.05, fresh items every {FRESH} nights"
    )
    print(f"n = {n}: true quality after {NIGHTS} nights, and promotions a run by what they were")
    columns = f"{'quality':>10}{'of all >':>10}{'95 % interval':>18}"
    print(f"{'':<20}{columns}{'better':>10}{'equal':>10}{'worse':>10}")
    for name, outcomes in found.items():
        quality = np.mean([outcome.quality for outcome in outcomes])
        low, high = kept_between(outcomes, found["all means >"])
        effects = np.array([effect for outcome in outcomes for effect in outcome.promoted])
        kinds = [(effects > 0).sum(), (effects == 0).sum(), (effects < 0).sum()]
        counts = "".join(f"{kind / runs:>10.2f}" for kind in kinds)
        between = f"{low:.1%} … {high:.1%}"
        print(f"{name:<20}{quality:>10.3f}{quality / best:>10.1%}{between:>18}{counts}")


def kept_between(ours: Sequence[Outcome], theirs: Sequence[Outcome]) -> tuple[float, float]:
    """A 95 % interval of what is kept of their quality, by drawing runs again."""
    pairs = np.array([[a.quality, b.quality] for a, b in zip(ours, theirs, strict=True)])
    drawn = np.random.default_rng(0).integers(len(pairs), size=(2_000, len(pairs)))
    own, other = pairs[drawn].mean(axis=1).T
    low, high = np.quantile(own / other, [0.025, 0.975])
    return float(low), float(high)


# --- single nights, through the score table -------------------------------------------------------


def score_table(d: Array, slices: Sequence[tuple[str, ...]]) -> ScoreTable:
    items = [
        ItemScore(
            item=str(i),
            slices=slices[i],
            champion={"rougeL": 0.0, "semantic": 0.0},
            challenger={"rougeL": row[0], "semantic": row[1]},
            preference=0.5 + row[2],
        )
        for i, row in enumerate(d.tolist())
    ]
    return ScoreTable(pins=None, items=tuple(items))


def one_night(seed: int, n: int, effect: Array) -> Array:
    rng = np.random.default_rng([seed, n])
    return differences(luck(rng, n), luck(rng, n), effect, Pairing.draw(rng, n))


def at_look(seed: int, n: int, gain: float, look: int) -> tuple[bool, ...]:
    """Whether a challenger that is better by so much qualifies, and is promoted by `strict` and
    `guarded`, at the k-th look.
    """
    dev, sealed = (one_night(seed + part, n, np.full(3, gain)) for part in (0, 1_000_000))
    table = score_table(sealed, [()] * n)
    verdicts = [decide(table, policy, look).verdict for policy in (STRICT, GUARDED)]
    qualified = not unqualified(on_dev_alone(dev, STRICT), STRICT)
    return qualified, *(verdict is Verdict.PROMOTE for verdict in verdicts)


def harmed_slice(seed: int, n: int) -> tuple[bool, ...]:
    """What promotes a challenger that loses 0.10 on a fifth and gains 0.03 elsewhere: `strict`
    with slices, `strict` blind to them, and the rule that all means are above nothing.
    """
    effect = np.full((n, 3), 0.03)
    effect[: n // 5] = -0.10
    d = one_night(seed, n, effect)
    slices = [(f"topic={5 * i // n}",) for i in range(n)]
    tables = (score_table(d, slices), score_table(d, [()] * n))
    seeing, blind = (decide(table, STRICT).verdict is Verdict.PROMOTE for table in tables)
    return seeing, blind, bool((d.mean(axis=0) > 0).all())


def print_single_nights(sizes: Sequence[int], runs: int, processes: int) -> None:
    with ProcessPoolExecutor(processes) as pool:
        for gain, look in ((0.05, 1), (0.10, 30)):
            print(f"\nbetter by {gain:.2f} on all three, look {look}: nights promoted")
            print(f"{'':<8}{'qualified':>12}{'strict':>10}{'and qualified':>15}{'guarded':>10}")
            for n in sizes:
                night = partial(at_look, n=n, gain=gain, look=look)
                found = np.array(list(pool.map(night, range(runs), chunksize=5)))
                qualified, strict, guarded = found.mean(axis=0)
                both = (found[:, 0] & found[:, 1]).mean()
                print(f"n = {n:<4}{qualified:>12.0%}{strict:>10.0%}{both:>15.0%}{guarded:>10.0%}")
        print("\na fifth of the items loses 0.10, the rest gains 0.03: nights promoted, first look")
        found = np.array(list(pool.map(partial(harmed_slice, n=500), range(runs), chunksize=5)))
    seeing, blind, means = found.mean(axis=0)
    print(f"n = 500  strict {seeing:.1%}, without slices {blind:.1%}, all means > {means:.1%}")


def print_scores() -> None:
    d = np.concatenate([one_night(seed, 500, np.zeros(3)) for seed in range(100)])
    correlations = np.corrcoef(d.T)[np.triu_indices(3, 1)]
    print(f"sd of differences      {'  '.join(f'{sd:.3f}' for sd in d.std(axis=0))}  {METRICS}")
    print(f"their correlations     {'  '.join(f'{r:.2f}' for r in correlations)}")
    same = measured(d[:500], STRICT, sealed=True)
    table = decide(score_table(d[:500], [()] * 500), STRICT)
    evidence = Evidence(pins=None, policy=STRICT.digest, dev={}, sealed=same, slices={})
    for name, bound in rule(evidence, STRICT, 1).bounds.items():
        assert abs(bound.lower - table.bounds[name].lower) < 1e-12, "two ways to one bound"


def main() -> None:
    asked = arguments(__doc__, runs=200, processes=2)
    print_scores()
    print_single_nights((50, 100, 200, 500), asked.runs, asked.processes)
    print_gains(500, asked.runs, asked.processes)
    print_promotions((50, 100, 200, 500), asked.runs, asked.processes)


if __name__ == "__main__":
    main()

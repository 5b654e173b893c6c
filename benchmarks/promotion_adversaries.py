"""How far adversaries get: a hundred nights of equal challengers through the real `submit`.

    OMP_NUM_THREADS=1 python -m benchmarks.promotion_adversaries [--runs 1000] [--adversary NAME]

Finished blocks of runs are kept in a file (--record), so that a next call goes on where one ended.

Each run has a registry of its own, in SQLite, with adapters of a few bytes. A look is counted,
decided on and promoted by the code of `incumbent submit`; only what it measures is simulated, as in
promotion_rules.py. The champion is the bare base unless an adversary says otherwise, and no
challenger has a preference above it, so that every promotion is a false one, and a run ends with
it. Nobody needs to submit what does not qualify on dev: that would be held without a look.

What an adversary does is first listed, as nothing that it does hangs on what becomes of it before
it has won. Few looks are lucky: could win at all, at the whole alpha of the policy. Only up to
these is the list made real. A look that was not lucky is counted, and not weighed. The level of
each is read from the registry, and kept for runs that did the same until then. Who would win at
that level is promoted for real, in another registry. `--in-full` does without all this, and takes
some thirty times as long; tests/evaluation/test_promotion_adversaries.py compares both.
"""

import argparse
import contextlib
import json
import sys
import tempfile
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, lru_cache, partial
from itertools import count, cycle, permutations, repeat
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sqlalchemy import select
from tqdm import tqdm

from benchmarks.promotion_rules import (
    METRICS,
    NIGHTS,
    STRICT,
    Array,
    Pairing,
    differences,
    luck,
    measured,
    on_dev_alone,
    zero_refused,
)
from evaluation.decision.policy import Policy
from evaluation.decision.policy_checks import FAR_OUT, MANY_CLUSTERS, Case
from evaluation.decision.statistics import LEVELS, p_above
from evaluation.generation.answers import KeptBytes
from evaluation.look_decision import decide
from evaluation.sealed_look import SealedItems, SealedLook
from project.canonical import digest_folder, digest_json
from project.errors import InputError
from project.near_duplicates import WordPrints
from project.records import adapters
from project.records.adapters import Adapter, ModelPin
from project.records.evidence import Evidence, Verdict
from project.records.scores import EvalSet, Flags, ScorePins
from registry.alpha_ledger.look_bytes import refuse_unknown
from registry.alpha_ledger.looks import SealedSet
from registry.alpha_ledger.spending import Look
from registry.storage.tables import look_bytes
from registry.store import Registry

Ints = NDArray[np.int64]

RECORD = Path("benchmarks/promotion_adversaries.jsonl")
BLOCK = 50  # runs
ITEMS = 200  # of dev, and of sealed
UNUSED, TRAINED = 1_000, 200  # rows that nobody was trained on, and that everybody was
WORDS = 12  # of a prompt
COPIES = 20  # of a true gain, by which alpha is earned
TRUE_GAIN = np.full(3, 0.3)
SCENARIOS = {
    "two metrics better by 0.05, preference equal": (0.05, 0.05, 0.0),
    "all three equal": (0.0, 0.0, 0.0),
}
BASE = ModelPin(
    model="m", name="base", revision="r", weights="b" * 64, config="c" * 64, chat_template=None
)


# --- a project of simulated contestants ----------------------------------------------------------


@dataclass(frozen=True)
class Contestant:
    """A system with its luck on the dev items and, drawn when somebody asks, on all rows; `effect`
    is what it truly gains on the champion of its night.
    """

    name: str
    dev: Array
    effect: Array
    dev_pairing: Pairing
    seeds: dict[int, float]  # of its luck on all rows, with the weight of each
    pairing_seed: int
    found: "OnDev | None" = None

    def at(self, rows: Ints) -> tuple[Array, Pairing]:
        """Its luck on some rows, and how it is paired there; rows are drawn `ITEMS` at a time."""
        if rows is FIRST.sealed:
            return self.group(0)
        groups = np.unique(rows // ITEMS)
        place = ITEMS * np.searchsorted(groups, rows // ITEMS) + rows % ITEMS
        lucks, pairings = zip(*map(self.group, groups.tolist()), strict=True)
        equal, gain = (np.concatenate([vars(p)[n] for p in pairings]) for n in PAIRED)
        return np.concatenate(lucks)[place], Pairing(equal=equal[place], gain=gain[place])

    def group(self, number: int) -> tuple[Array, Pairing]:
        if number not in self.drawn:
            lucks = [weight * luck_of(seed, number) for seed, weight in self.seeds.items()]
            self.drawn[number] = sum(lucks[1:], lucks[0]), pairing_of(self.pairing_seed, number)
        return self.drawn[number]

    @cached_property
    def drawn(self) -> dict[int, tuple[Array, Pairing]]:
        return {}


PAIRED = ("equal", "gain")  # a pairing's parts


class OnDev(NamedTuple):
    """Mean differences from a champion on dev [3], with their standard errors."""

    champion: str
    diff: Array
    se: Array


def seeded(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@lru_cache(maxsize=32)
def luck_of(seed: int, group: int) -> Array:
    return luck(seeded(seed, group), ITEMS)


@lru_cache(maxsize=32)
def pairing_of(seed: int, group: int) -> Pairing:
    return Pairing.draw(seeded(seed, group), ITEMS)


@cache
def prompts() -> tuple[str, ...]:
    """The prompts of all rows: those that nobody was trained on, then the trained ones."""
    rng = np.random.default_rng(0)
    return tuple(random_words(rng, WORDS) for _ in range(UNUSED + TRAINED))


def random_words(rng: np.random.Generator, number: int) -> str:
    letters = rng.integers(ord("a"), ord("z"), size=(number, 6), endpoint=True)
    return " ".join("".join(map(chr, word)) for word in letters.tolist())


@lru_cache(maxsize=4)
def sealed_set(texts: tuple[str, ...]) -> SealedSet:
    items = EvalSet(items=tuple(sorted(digest_json([text, "an answer"]) for text in texts)))
    return SealedSet(items, prints(texts))


@lru_cache(maxsize=4)
def prints(texts: tuple[str, ...]) -> WordPrints:
    return WordPrints.of(texts)


Texts = tuple[str, ...]


def as_they_are(texts: Texts) -> Texts:
    return texts


@dataclass(frozen=True)
class Split:
    """Which rows are sealed and which are trained on today, and how the sealed ones are worded;
    `wording` tells one way of that from others.
    """

    sealed: Ints = field(default_factory=lambda: np.arange(ITEMS))
    trained: Ints = field(default_factory=lambda: np.arange(UNUSED, UNUSED + TRAINED))
    worded: Callable[[Texts], Texts] = as_they_are
    wording: int | None = None

    @cached_property
    def set(self) -> SealedSet:
        return sealed_set(self.worded(tuple(prompts()[row] for row in self.sealed.tolist())))

    @property
    def learnt(self) -> WordPrints:
        return prints(tuple(prompts()[row] for row in self.trained.tolist()))

    @cached_property
    def told(self) -> str:
        return digest_json([self.sealed.tolist(), self.trained.tolist(), self.wording])


FIRST = Split()


class KilledError(Exception):
    """A look was ended before it was decided."""


MEASURED = Path("differences")  # the name of what a look measured


class SimulatedItems(SealedItems):
    """Sealed items whose measurement is simulated. A look that is not `weighed` ends as soon as it
    is counted. Bounds for any distribution take long: without `sure` there are none.
    """

    def __init__(self, tried: "Submission", *, weighed: bool, sure: bool) -> None:
        self.set, self.trained_today = tried.split.set, tried.split.learnt
        self.tried, self.weighed, self.sure = tried, weighed, sure

    @property
    def counted_set(self) -> SealedSet:
        return self.set

    def pins(self, dev: ScorePins, policy: Policy) -> ScorePins:
        return dev.model_copy(update={"eval_set": self.set.items.digest})

    def open_for_votes(self, policy: Policy) -> bool:
        return False

    def refuse_unmeasurable(self, dev: Evidence, policy: Policy) -> None:
        """Simulated items can always be measured."""

    def look(
        self,
        dev: Evidence,
        pins: ScorePins,
        policy: Policy,
        store: KeptBytes,
        baseline: adapters.Contestant | None = None,
    ) -> SealedLook:
        if not self.weighed:
            raise KilledError
        found = self.tried.sealed
        kept = store.read(MEASURED)
        if kept is None:
            store.write(MEASURED, found.tobytes())
        else:
            found = np.frombuffer(kept).reshape(found.shape)
        if self.tried.killed and self.tried.killed(found):
            raise KilledError
        told = {"pins": pins, "sealed": measured(found, policy, sealed=self.sure)}
        return SealedLook(dev.model_copy(update=told), items=(), flags=Flags(), answers={})


# --- what adversaries do -------------------------------------------------------------------------


@dataclass(frozen=True)
class Submission:
    """What `incumbent submit --promote` is given, and what a look will find."""

    adapter: str
    split: Split
    scorers: str
    policy: Policy
    dev: Array  # differences [n, 3]
    sealed: Array
    crowned: bool = False  # truly better: it must win
    refusable: bool = False
    killed: Callable[[Array], bool] | None = None  # by what it finds, before it is decided

    @property
    def told(self) -> tuple[Hashable, ...]:
        """All that the ledger can know of it, but for what it finds."""
        named = self.adapter, self.split.told, self.scorers, self.policy.digest
        return *named, self.crowned, self.refusable

    def wins_by_t(self, alpha: float) -> bool:
        """Whether all metrics win at a level at which t is asked."""
        return may_win(self.sealed, alpha) and all_win_by_t(self.sealed, self.policy, alpha)


def may_win(d: Array, alpha: float) -> bool:
    """Whether t may say that the preference, which gates in all policies here, is above 0."""
    found, n = d[:, 2], len(d)
    p = p_above(float(found.mean()), float(found.std(ddof=1)) / n**0.5, n - 1, 0.0)
    return p < 1.01 * alpha  # what is near is computed as the rule does


def all_win_by_t(found: Array, policy: Policy, alpha: float) -> bool:
    evidence = on_dev_alone(found, policy)
    case = Case(evidence.model_copy(update={"sealed": evidence.dev}), policy, alpha=alpha)
    return all(map(case.won, policy.gating))


@dataclass(frozen=True)
class Act:
    """Something else that is done to a registry."""

    told: tuple[Hashable, ...]
    done: Callable[["Site"], object]


Move = Submission | Act


@dataclass
class Project:
    """Who may be champion, and what was done so far, none of it made real yet."""

    rng: np.random.Generator
    equal: Array  # what an equal challenger gains
    nights: int = NIGHTS
    split: Split = FIRST
    scorers: str = "scorers"
    refusable: bool = False  # whether submissions may be refused without a look
    repeats: bool = False  # whether a measurement is made again that may be decided on already
    moves: list[Move] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.numbers, self.drawn = count(), self.in_blocks()
        self.names: dict[str, str] = {}  # of challengers that were submitted, in that order
        (dev,), (pairing,) = self.many(1)
        self.champion = self.drawn_one(dev, pairing)

    def in_blocks(self) -> Iterator[Contestant]:
        """Equal challengers: many are drawn faster together, and measured on dev."""
        while True:
            champion, (lucks, pairings) = self.champion, self.many(BLOCK)
            every = Pairing(*(np.concatenate([vars(p)[n] for p in pairings]) for n in PAIRED))
            theirs = np.tile(champion.dev, (BLOCK, 1))
            d = differences(theirs, np.concatenate(lucks), self.equal, every)
            d = d.reshape(BLOCK, ITEMS, -1)
            means, errors = d.mean(axis=1), d.std(axis=1, ddof=1) / ITEMS**0.5
            for own, pairing, *found in zip(lucks, pairings, means, errors, strict=True):
                yield replace(self.drawn_one(own, pairing), found=OnDev(champion.name, *found))

    def drawn_one(self, dev: Array, pairing: Pairing) -> Contestant:
        return Contestant(
            name=f"contestant-{next(self.numbers)}",
            dev=dev,
            effect=self.equal,
            dev_pairing=pairing,
            seeds={self.new_seed(): 1.0},
            pairing_seed=self.new_seed(),
        )

    def many(self, number: int) -> tuple[list[Array], list[Pairing]]:
        """The luck of so many on `ITEMS` items, and their pairings."""
        lucks, all_of = luck(self.rng, number * ITEMS), Pairing.draw(self.rng, number * ITEMS)
        parts = [np.split(vars(all_of)[name], number) for name in PAIRED]
        return np.split(lucks, number), [Pairing(*pair) for pair in zip(*parts, strict=True)]

    def challenger(self) -> Contestant:
        return next(self.drawn)

    def new_seed(self) -> int:
        return int(self.rng.integers(2**62))

    def qualifying(self) -> Contestant:
        """The first challenger that qualifies on dev."""
        return next(c for c in iter(self.challenger, None) if self.qualifies(c))

    def anew(self, contestant: Contestant, share: float) -> Contestant:
        """The same one measured again: that share of its luck on all rows is another."""
        seeds = {seed: np.sqrt(1 - share) * weight for seed, weight in contestant.seeds.items()}
        return replace(contestant, seeds=seeds | {self.new_seed(): np.sqrt(share)})

    # --- what everybody may do ------------------------------------------------------------------

    def on_dev(self, challenger: Contestant) -> Array:
        """Differences on dev."""
        return differences(
            self.champion.dev, challenger.dev, challenger.effect, challenger.dev_pairing
        )

    def ps(self, challenger: Contestant, policy: Policy = STRICT) -> list[float]:
        """The p of each gating metric on dev."""
        found = challenger.found
        if found is None or found.champion != self.champion.name:
            d = self.on_dev(challenger)
            found = OnDev("", d.mean(axis=0), d.std(axis=0, ddof=1) / ITEMS**0.5)
        return [
            p_above(found.diff[i], found.se[i], ITEMS - 1, policy.threshold(metric))
            for i, metric in enumerate(METRICS)
            if metric in policy.gating
        ]

    def qualifies(self, challenger: Contestant, policy: Policy = STRICT) -> bool:
        """As `unqualified` says it: for whom it says otherwise there is no look, and an error."""
        return max(self.ps(challenger, policy)) < policy.qualify

    def good(self) -> list[Contestant]:
        """The challengers of all nights that qualify on dev."""
        challengers = (self.challenger() for _ in range(self.nights))
        found = [one for one in challengers if self.qualifies(one)]
        for one, *drawn in zip(found, *self.many(len(found)), strict=True) if found else ():
            one.drawn[0] = tuple(drawn)
        return found

    def tries(self, challenger: Contestant, policy: Policy = STRICT) -> None:
        """Submit a challenger if it qualifies."""
        if self.qualifies(challenger, policy):
            self.submit(challenger, policy)

    def submit(
        self,
        challenger: Contestant,
        policy: Policy = STRICT,
        killed: Callable[[Array], bool] | None = None,
        *,
        crowned: bool = False,
    ) -> None:
        submitted = Submission(
            adapter=self.named(challenger),
            split=self.split,
            scorers=self.scorers,
            policy=policy,
            dev=self.on_dev(challenger),
            sealed=self.on_sealed(challenger),
            crowned=crowned,
            refusable=self.refusable,
            killed=killed,
        )
        self.moves.append(submitted)

    def named(self, challenger: Contestant) -> str:
        return self.names.setdefault(challenger.name, f"adapter-{len(self.names)}")

    def on_sealed(self, challenger: Contestant) -> Array:
        own, pairing = challenger.at(self.split.sealed)
        theirs, _ = self.champion.at(self.split.sealed)
        return differences(theirs, own, challenger.effect, pairing)

    def equal_ones(self) -> "Tries":
        """The submissions of equal challengers, by their places among the moves."""
        made = enumerate(self.moves)
        return {i: m for i, m in made if isinstance(m, Submission) and not m.crowned}

    # --- what an adversary prepares -------------------------------------------------------------

    def act(self, done: Callable[["Site"], object], *told: Hashable) -> None:
        self.moves.append(Act(told, done))

    def crown(self, *, force: bool = False) -> Contestant:
        """A champion that is truly better, or one that a person forces."""
        made = self.challenger()
        if not force:
            made = replace(made, effect=TRUE_GAIN, found=None)
        if force:
            name, learnt = self.named(made), self.split.learnt
            self.act(lambda site: site.force(name, learnt), "force", name, self.split.told)
        else:
            self.submit(made, crowned=True)
        self.champion = made
        return made

    def roll_to(self, champion: Contestant) -> None:
        name, self.champion = self.named(champion), champion
        self.act(lambda site: site.roll_to(name), "roll to", name)

    def move(self, family: str) -> None:
        """Go on in another family of the same registry, which has no champion yet."""
        self.act(lambda site: site.open(site.folder / "registry", family), "family", family)


# --- a registry in which it is done ---------------------------------------------------------------


class Tried(NamedTuple):
    """What became of a submission."""

    promoted: bool = False
    level: float | None = None  # of its look; None: it was refused


class Site:
    """A real registry, in a folder that is the working directory."""

    def __init__(self, folder: Path, template: Path) -> None:
        self.folder, self.template = folder, template
        self.registry: Registry | None = None
        copytree(template, folder / "registry")
        self.open(folder / "registry", "own")

    def open(self, folder: Path, family: str) -> None:
        self.close()
        self.registry = Registry(folder, family, actor="adversary")

    def close(self) -> None:
        if self.registry:
            self.registry.engine.dispose()

    def open_another(self, number: int) -> None:
        """A new registry on the same data."""
        another = self.folder / f"registry-{number}"
        copytree(self.template, another)
        self.open(another, "own")

    def make(self, move: Move, *, weighed: bool, sure: bool = True) -> Tried:
        if isinstance(move, Submission):
            return self.submit(move, weighed=weighed or move.crowned, sure=sure)
        move.done(self)
        return Tried()

    def submit(self, tried: Submission, *, weighed: bool, sure: bool) -> Tried:
        """What `incumbent submit --promote` does with the records of a pipeline."""
        assert self.registry
        adapter, folder = self.adapter(tried.adapter)
        pins = ScorePins(
            eval_set="dev",
            base=BASE.weights,
            champion=self.registry.opponent(adapter.files).adapter,
            challenger=adapter.files,
            decoding="decoding",
            scorers=tried.scorers,
        )
        dev = on_dev_alone(tried.dev, tried.policy).model_copy(update={"pins": pins})
        items = SimulatedItems(tried, weighed=weighed, sure=sure)
        version = self.registry.submit(adapter, folder, "a try", trained_on=tried.split.learnt)
        try:
            refuse_unknown(self.registry.looks_elsewhere())
            decided = decide(self.registry, version, dev, tried.policy, items)
        except KilledError:
            look = self.registry.look(items.pins(pins, tried.policy), tried.policy.digest)
            assert look, "it was counted before it was killed"
            return Tried(level=look.level(tried.policy.alpha))
        except InputError:
            if not tried.refusable:
                raise
            return Tried()
        won = decided.decision.verdict is Verdict.PROMOTE
        assert decided.decision.alpha is not None, "it qualified"
        assert won or not tried.crowned, "a gain of 0.3 is found at any look"
        if won:
            self.registry.promote(version.number, "it won", by="policy")
        return Tried(promoted=won and not tried.crowned, level=decided.decision.alpha)

    def adapter(self, name: str) -> tuple[Adapter, Path]:
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        (folder / "adapter_model.safetensors").write_text(name)
        files = digest_folder(folder)
        return Adapter(files=files, base=BASE, recipe="c" * 64, dataset="d" * 64), folder

    def force(self, name: str, learnt: WordPrints) -> None:
        assert self.registry
        adapter, folder = self.adapter(name)
        version = self.registry.submit(adapter, folder, "a try", trained_on=learnt)
        self.registry.promote(version.number, "because", force=True)

    def roll_to(self, name: str) -> None:
        assert self.registry
        adapter, _ = self.adapter(name)
        version = self.registry.version_of(adapter.files)
        assert version, "it was submitted"
        self.registry.rollback("back and forth", to=version.number)

    def rotate(self) -> None:
        assert self.registry
        self.registry.record_rotation("sealed", ITEMS, "known by heart")

    def forget_judged(self) -> None:
        """Delete what was measured at looks."""
        assert self.registry
        with self.registry.engine.connect() as connection:
            judged = list(connection.execute(select(look_bytes.c.digest)).scalars())
        for digest in judged:
            self.registry.artifacts.blobs.delete(digest)


@contextlib.contextmanager
def real_site(template: Path) -> Iterator[Site]:
    # A look is written down in the project's folder, too.
    with TemporaryDirectory(dir=template.parent) as name, contextlib.chdir(name):
        Path("params.yaml").write_text("{}\n")
        site = Site(Path(name), template)
        try:
            yield site
        finally:
            site.close()


# --- adversaries: each tries to get an equal challenger promoted ---------------------------------

# The k-th try's items, words or family are the same in all runs, so that levels can be kept.


def honest(project: Project) -> None:
    """submits every challenger that qualifies"""
    for challenger in project.good():
        project.submit(challenger)


def picks_on_dev(project: Project) -> None:
    """makes five challengers a night, and submits the best one where its p on dev is under 0.05"""
    for _ in range(project.nights):
        five = [project.challenger() for _ in range(5)]
        best = min(five, key=lambda one: max(project.ps(one)))
        if max(project.ps(best)) < 0.05:
            project.submit(best)


def sees_the_verdict_first(project: Project) -> None:
    """GUARD OFF: reads the verdict before its look is counted, and submits what says PROMOTE"""
    for challenger in project.good():
        if wins_first(project.on_sealed(challenger)):
            project.submit(challenger)


def wins_first(found: Array) -> bool:
    """Whether the verdict at a first look would be PROMOTE."""
    return all_win_by_t(found, STRICT, Look(number=1, budget=STRICT.alpha).level(STRICT.alpha))


def measures_again(project: Project) -> None:
    """the same challenger with other scorers every night: half of its luck is the judge's"""
    again(project, "scorers", 0.5)


def samples_again(project: Project) -> None:
    """the same challenger with another seed of its answers every night: all its luck is new"""
    again(project, "decoding", 1.0)


def again(project: Project, what: str, share: float) -> None:
    challenger = project.qualifying()
    for night in range(project.nights):
        project.scorers = f"{what}, seed {night}"
        project.submit(project.anew(challenger, share))


def kills_looks(project: Project) -> None:
    """ends each look that does not win, deletes what was judged, and has it judged anew"""
    project.repeats = True
    challenger = project.qualifying()
    for _ in range(project.nights):
        project.submit(project.anew(challenger, 0.5), killed=lambda found: not wins_first(found))
        project.act(Site.forget_judged, "forget")


def takes_other_registries(project: Project) -> None:
    """a new registry on the same data for every try"""
    project.refusable = True
    for number, challenger in enumerate(project.good()):
        project.act(partial(Site.open_another, number=number), "another", number)
        project.submit(challenger)


def splits_trained_rows(project: Project) -> None:
    """splits anew for every try, half of the sealed items out of the champion's training rows"""
    project.crown()
    project.refusable = True
    for number, challenger in enumerate(project.good()):
        project.split = split_of_trained_rows(number)
        project.submit(challenger)


@cache
def split_of_trained_rows(number: int) -> Split:
    rng = seeded(number)
    rows = rng.permutation(np.arange(UNUSED, UNUSED + TRAINED))
    fresh = rng.choice(UNUSED, size=ITEMS // 2, replace=False)
    return Split(np.concatenate([fresh, rows[: ITEMS // 2]]), np.sort(rows[ITEMS // 2 :]))


def splits_unused_rows(project: Project) -> None:
    """draws 200 of the same 1,000 never-trained rows for every try: two sets share a fifth"""
    for number, challenger in enumerate(project.good()):
        project.split = split_of_unused_rows(number)
        project.submit(challenger)


@cache
def split_of_unused_rows(number: int) -> Split:
    return Split(np.sort(seeded(number).choice(UNUSED, size=ITEMS, replace=False)))


def rotates(project: Project) -> None:
    """HONEST: after every seven looks a person rotates to 200 rows that were never items"""
    sets = disjoint(ITEMS)
    for number, challenger in enumerate(project.good()):
        if number and number % 7 == 0 and number // 7 < len(sets):
            project.act(Site.rotate, "rotate")
            project.split = sets[number // 7]
        project.submit(challenger)


def takes_small_sets(project: Project) -> None:
    """takes 40 rows that were never items for every two tries, 1,000 rows in all"""
    sets = disjoint(40)
    for number, challenger in enumerate(project.good()):
        project.split = sets[min(number // 2, len(sets) - 1)]
        project.submit(challenger)


@cache
def disjoint(size: int) -> tuple[Split, ...]:
    """All unused rows in sets of a size."""
    return tuple(Split(rows) for rows in np.arange(UNUSED).reshape(-1, size))


def rewords_all_alike(project: Project) -> None:
    """puts another instruction before all items for every try, and other blanks between words"""

    def worded(number: int, texts: Texts) -> Texts:
        asked = f"In style {number}, kindly reply to the customer's question:"
        return tuple((" " * (1 + number % 3)).join([asked, *text.split()]) for text in texts)

    rewords(project, worded)


def adds_words_of_their_own(project: Project) -> None:
    """adds four random words to each item for every try, such as a ticket's number"""

    def worded(number: int, texts: Texts) -> Texts:
        words = random_words(seeded(number), 4 * len(texts)).split()
        return tuple(" ".join([text, *words[4 * i : 4 * i + 4]]) for i, text in enumerate(texts))

    rewords(project, worded)


def rewords(project: Project, worded: Callable[[int, Texts], Texts]) -> None:
    """A champion answers half anew what is worded anew."""
    champion = project.champion
    for number, challenger in enumerate(project.good()):
        project.split = Split(worded=partial(worded, number), wording=number)
        project.champion = project.anew(champion, 0.5)
        project.submit(challenger)
        project.champion = champion


def changes_the_policy(project: Project) -> None:
    """after a HOLD, the same challenger again with another alpha, order, kind or margin"""
    tries_policies(project, other_policies())


def other_policies() -> Iterator[Policy]:
    """Policies that ask no more than strict does, and gate on the preference all the same."""
    orders = [order for size in (3, 2, 1) for order in permutations(METRICS, size)]
    for step, gating in enumerate(cycle(order for order in orders if "preference" in order)):
        kind = ("strict", "guarded")[step % 2]
        margins = dict.fromkeys(set(gating) - {"preference"}, 0.02) if kind == "guarded" else {}
        settings = {"kind": kind, "gating": gating, "margins": margins}
        yield Policy.model_validate({"alpha": 0.05 - 0.0001 * step, **settings})


def asks_for_less(project: Project) -> None:
    """after the first HOLD, the same challenger and all later ones with alpha 0.49"""
    tries_policies(project, repeat(Policy(alpha=0.49)))


def tries_policies(project: Project, policies: Iterator[Policy]) -> None:
    policy = STRICT
    for _ in range(project.nights):
        challenger = project.challenger()
        if project.qualifies(challenger, policy):
            project.submit(challenger, policy)
            policy = next(policies)
            project.tries(challenger, policy)


def rolls_forced_champions(project: Project) -> None:
    """two champions that a person forced, who did not earn alpha; rolls to the other every night"""
    rolls(project, [project.crown(force=True), project.crown(force=True)])


def rolls_true_champions(project: Project) -> None:
    """two champions that truly won, and earned alpha; rolls to the other every night"""
    rolls(project, [project.crown(), project.crown()])


def stays_with_true_champion(project: Project) -> None:
    """HONEST: the same without rolling"""
    project.crown()
    project.crown()
    honest(project)


def rolls(project: Project, champions: Sequence[Contestant]) -> None:
    for night in range(project.nights):
        project.roll_to(champions[night % 2])
        project.tries(project.challenger())


def moves_to_another_family(project: Project) -> None:
    """another family for every try, where the bare base is champion again"""
    for number, challenger in enumerate(project.good()):
        project.move(f"family-{number}")
        project.submit(challenger)


def same_look_in_another_family(project: Project) -> None:
    """the same challenger and scorers in another family every night; deletes the judge's cache"""
    project.repeats = True
    challenger = project.qualifying()
    for night in range(project.nights):
        project.move(f"family-{night}")
        project.submit(project.anew(challenger, 0.5))


def earns_in_other_families(project: Project) -> None:
    """first promotes 20 copies of one true gain, in 20 other families, to earn alpha"""
    base = project.champion
    for number in range(COPIES):
        project.move(f"family-{number}")
        project.champion = base
        project.crown()
    project.move("own")
    project.champion = base
    project.crown()
    honest(project)


Adversary = Callable[[Project], None]
ADVERSARIES: dict[str, Adversary] = {
    adversary.__name__.replace("_", " "): adversary
    for adversary in (
        honest,
        sees_the_verdict_first,
        picks_on_dev,
        measures_again,
        samples_again,
        kills_looks,
        takes_other_registries,
        splits_trained_rows,
        splits_unused_rows,
        rotates,
        takes_small_sets,
        rewords_all_alike,
        adds_words_of_their_own,
        changes_the_policy,
        asks_for_less,
        rolls_forced_champions,
        rolls_true_champions,
        stays_with_true_champion,
        moves_to_another_family,
        same_look_in_another_family,
        earns_in_other_families,
    )
}


# --- runs ----------------------------------------------------------------------------------------

# The level of a submission's look by all that was done until then; None where it was refused.
LEVEL_AFTER: dict[str, float | None] = {}
FAR = np.array([level for level in LEVELS if level < FAR_OUT])  # where t is not asked

Tries = dict[int, Submission]  # by their places among the moves


def above_far_out(tries: Tries, levels: Array) -> NDArray[np.bool_]:
    """Whether each preference may win at levels [k, l] at which t is not asked, [k, l]."""
    found = np.stack([tried.sealed[:, 2] for tried in tries.values()], axis=1)
    assert len(found) < MANY_CLUSTERS, "t is asked at first looks"
    return zero_refused(found, levels, 0.5)


def last_lucky(tries: Tries) -> int:
    """The place of the last submission that could win at any level that it may have; else -1."""
    if not tries:
        return -1
    far = above_far_out(tries, np.tile(FAR, (len(tries), 1))).any(axis=1).tolist()
    places = list(zip(tries.items(), far, strict=True))
    return max((i for (i, t), won in places if won or t.wins_by_t(t.policy.alpha)), default=-1)


def could_win(tries: Tries, levels: dict[int, float]) -> Iterator[int]:
    """The places of those who may be promoted at their levels, as far as a moment tells."""
    late = {i: tries[i] for i, level in levels.items() if FAR[-1] <= level < FAR_OUT}
    above = set[int]()
    if late:
        asked = FAR[np.searchsorted(-FAR, [-levels[i] for i in late])]  # the largest at most so
        refused = above_far_out(late, asked[:, None])[:, 0]
        above = {i for i, won in zip(late, refused.tolist(), strict=True) if won}
    for i, level in levels.items():
        if i in above if level < FAR_OUT else tries[i].wins_by_t(level):
            yield i


def promoted_in_full(moves: Sequence[Move], template: Path) -> bool:
    """Whether an equal challenger is promoted when all is done, looks being weighed."""
    with real_site(template) as site:
        return any(site.make(move, weighed=True).promoted for move in moves)


def promoted(moves: Sequence[Move], tries: Tries, template: Path) -> bool:
    """The same, weighing only what can win."""
    done = [digest_json(["", moves[0].told])]
    for move in moves[1:]:
        done.append(digest_json([done[-1], move.told]))
    if any(done[i] not in LEVEL_AFTER for i in tries):
        last = last_lucky(tries)
        if last >= 0 and done[last] not in LEVEL_AFTER:
            with real_site(template) as site:
                for move, after in zip(moves[: last + 1], done, strict=False):
                    LEVEL_AFTER[after] = site.make(move, weighed=False).level
    found = {i: LEVEL_AFTER.get(done[i]) for i in tries}
    levels = {i: level for i, level in found.items() if level is not None}
    winning = could_win(tries, levels)
    return any(promoted_at_last(moves[: i + 1], levels[i], template) for i in winning)


def promoted_at_last(moves: Sequence[Move], level: float, template: Path) -> bool:
    """Whether the last of these is promoted, at its level, no other one being weighed."""
    with real_site(template) as site:
        for move in moves[:-1]:
            site.make(move, weighed=False)
        return site.make(moves[-1], weighed=True, sure=level < FAR_OUT).promoted


@dataclass(frozen=True)
class Outcome:
    """What a hundred nights of one adversary came to."""

    promoted: bool  # an equal challenger
    submitted: int  # equal challengers, where none is promoted


def listed(seed: int, name: str, equal: tuple[float, ...], nights: int = NIGHTS) -> Project:
    """All that an adversary does while it is not lucky."""
    project = Project(np.random.default_rng(seed), np.array(equal), nights)
    ADVERSARIES[name](project)
    return project


def falsely_promoted(project: Project, template: Path, *, in_full: bool = False) -> bool:
    """Whether an equal challenger becomes champion by all that was listed."""
    moves, tries = project.moves, project.equal_ones()
    if in_full:
        return promoted_in_full(moves, template)
    if project.repeats:
        return promoted_in_full(moves[: 1 + last_lucky(tries)], template)
    return bool(tries) and promoted(moves, tries, template)


def run(
    seed: int, name: str, equal: tuple[float, ...], template: Path, *, in_full: bool = False
) -> Outcome:
    project = listed(seed, name, equal)
    won = falsely_promoted(project, template, in_full=in_full)
    return Outcome(won, len(project.equal_ones()))


@dataclass(frozen=True)
class Block:
    """Runs with seeds from `first` on, summed; a line of the record."""

    who: str
    scenario: str
    first: int
    runs: int
    promoted: int
    submitted: int


@contextlib.contextmanager
def empty_registry() -> Iterator[Path]:
    """A registry's folder that runs begin with, where nothing waits for a disk."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        tempfile.tempdir, before = folder, tempfile.tempdir
        template = Path(folder, "template")
        with Registry(template, "own", actor="adversary"):
            pass  # its schema is all that is wanted
        try:
            yield template
        finally:
            tempfile.tempdir = before


def print_adversaries(asked: argparse.Namespace, names: Iterable[str], scenario: str) -> None:
    print(f"\n{scenario}, n = {ITEMS}, {NIGHTS} nights a run")
    columns = f"{'runs':>7}{'promoted':>10}{'95 % interval':>17}{'submitted':>11}"
    print(f"{'':<29}{columns}")
    alone = asked.processes == 1  # levels are kept by each process
    with empty_registry() as template, ProcessPoolExecutor(asked.processes) as pool:
        each = map if alone else partial(pool.map, chunksize=BLOCK // asked.processes)
        for name in names:
            given = {"equal": SCENARIOS[scenario], "template": template, "in_full": asked.in_full}
            one = partial(run, name=name, **given)
            for first in tqdm(range(0, asked.runs, BLOCK), desc=name, file=sys.stderr):
                if not any(b.first == first for b in blocks(asked.record, name, scenario)):
                    done = list(each(one, range(first, first + BLOCK)))
                    write_block(asked.record, Block(name, scenario, first, BLOCK, *summed(done)))
            print(f"{name:<29}{row(blocks(asked.record, name, scenario))}", flush=True)


def blocks(record: Path, name: str, scenario: str) -> list[Block]:
    """What is on record of one adversary."""
    lines = record.read_text().splitlines() if record.exists() else []
    every = (Block(**json.loads(line)) for line in lines)
    return [block for block in every if (block.who, block.scenario) == (name, scenario)]


def write_block(record: Path, block: Block) -> None:
    with record.open("a") as lines:
        lines.write(json.dumps(vars(block)) + "\n")


def summed(done: list[Outcome]) -> tuple[int, int]:
    return sum(one.promoted for one in done), sum(one.submitted for one in done)


def row(found: list[Block]) -> str:
    runs, promoted = sum(b.runs for b in found), sum(b.promoted for b in found)
    interval = stats.binomtest(promoted, runs).proportion_ci(method="exact")
    between = f"{interval.low:.1%} … {interval.high:.1%}"
    submitted = sum(b.submitted for b in found) / runs
    return f"{runs:>7,}{promoted / runs:>10.1%}{between:>17}{submitted:>11.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--record", type=Path, default=RECORD)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--adversary", action="append", choices=ADVERSARIES)
    parser.add_argument("--scenario", action="append", choices=SCENARIOS)
    parser.add_argument("--in-full", action="store_true", help="weigh each look, lucky or not")
    asked = parser.parse_args()
    names = asked.adversary or list(ADVERSARIES)
    for name in names:
        print(f"{name:<29}{ADVERSARIES[name].__doc__}")
    for scenario in asked.scenario or SCENARIOS:
        print_adversaries(asked, names, scenario)


if __name__ == "__main__":
    main()

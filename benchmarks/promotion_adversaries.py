"""How far adversaries get: a hundred nights of equal challengers through the real `submit`.

    OMP_NUM_THREADS=1 python -m benchmarks.promotion_adversaries [--runs 1000] [--adversary NAME]

Finished blocks of runs are kept in a file (--record), so that a next call goes on where one ended.

Each run has a registry of its own, in SQLite, with adapters of a few bytes. A look is counted,
decided on and promoted by the code of `incumbent submit`; only what it measures is simulated, as in
promotion_rules.py. The champion is the bare base unless an adversary says otherwise, and no
challenger has a preference above it, so that every promotion is a false one, and a run ends with
it. Nobody needs to submit what does not qualify on dev: that would be held without a look.
"""

import argparse
import contextlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, lru_cache, partial
from itertools import chain, count, cycle, permutations, repeat
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory

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
)
from evaluation.decision.policy import Policy
from evaluation.decision.policy_checks import unqualified
from evaluation.decision.rule import rule
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
from registry.storage.tables import look_bytes, looks
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
    seed: int
    dev: Array
    effect: Array
    dev_pairing: Pairing
    again: Array | None = None  # its luck on all rows in another measurement

    @cached_property
    def rows(self) -> Array:
        drawn = np.random.default_rng([self.seed, 0])
        return luck(drawn, len(prompts())) if self.again is None else self.again

    @cached_property
    def pairing(self) -> Pairing:
        return Pairing.draw(np.random.default_rng([self.seed, 1]), len(prompts()))


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


@dataclass(frozen=True)
class Split:
    """Which rows are sealed and which are trained on today, and how the sealed ones are worded."""

    sealed: Ints = field(default_factory=lambda: np.arange(ITEMS))
    trained: Ints = field(default_factory=lambda: np.arange(UNUSED, UNUSED + TRAINED))
    worded: Callable[[str], str] = str

    @cached_property
    def set(self) -> SealedSet:
        return sealed_set(tuple(self.worded(prompts()[row]) for row in self.sealed.tolist()))

    @property
    def learnt(self) -> WordPrints:
        return prints(tuple(prompts()[row] for row in self.trained.tolist()))


FIRST = Split()


class KilledError(Exception):
    """Somebody ended a look that went badly."""


MEASURED = Path("differences")  # the name of what a look measured


class SimulatedItems(SealedItems):
    """Sealed items whose measurement is simulated: these differences; `killed` says of which ones
    the look is ended before it is decided.
    """

    def __init__(
        self, split: Split, found: Array, killed: Callable[[Array], bool] | None = None
    ) -> None:
        self.set, self.trained_today, self.found = split.set, split.learnt, found
        self.killed = killed

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
        kept = store.read(MEASURED)
        if kept is None:
            store.write(MEASURED, self.found.tobytes())
        else:
            self.found = np.frombuffer(kept).reshape(self.found.shape)
        if self.killed and self.killed(self.found):
            raise KilledError
        found = {"pins": pins, "sealed": measured(self.found, policy, sealed=True)}
        return SealedLook(dev.model_copy(update=found), items=(), flags=Flags(), answers={})


@dataclass
class Project:
    """A project with a real registry, and who may be champion in it."""

    folder: Path
    rng: np.random.Generator
    equal: Array  # what an equal challenger gains
    split: Split = FIRST
    scorers: str = "scorers"
    family: str = "own"
    crowned: list[str] = field(default_factory=list)  # adapters that no false promotion is of
    refused: int = 0

    def __post_init__(self) -> None:
        self.numbers = count()
        self.registry = self.opened(self.family)
        self.champion = self.challenger()

    def opened(self, family: str) -> Registry:
        return Registry(self.folder / "registry", family, actor="adversary")

    def challenger(self, effect: Array | None = None) -> Contestant:
        return Contestant(
            name=f"adapter-{next(self.numbers)}",
            seed=int(self.rng.integers(2**32)),
            dev=luck(self.rng, ITEMS),
            effect=self.equal if effect is None else effect,
            dev_pairing=Pairing.draw(self.rng, ITEMS),
        )

    def qualifying(self) -> Contestant:
        """The first challenger that qualifies on dev."""
        return next(c for c in iter(self.challenger, None) if self.qualifies(c))

    def anew(self, contestant: Contestant, share: float) -> Contestant:
        """The same one measured again: that share of its luck on all rows is another."""
        drawn = luck(self.rng, len(prompts()))
        rows = np.sqrt(1 - share) * contestant.rows + np.sqrt(share) * drawn
        return replace(contestant, again=rows)

    # --- what everybody may do ------------------------------------------------------------------

    def on_dev(self, challenger: Contestant, policy: Policy = STRICT) -> Evidence:
        """Evidence on dev, without the pins."""
        d = differences(
            self.champion.dev, challenger.dev, challenger.effect, challenger.dev_pairing
        )
        dev = measured(d, policy)
        return Evidence(pins=None, policy=policy.digest, dev=dev, sealed={}, slices={})

    def worst_p(self, challenger: Contestant) -> float:
        return max(found.p for found in self.on_dev(challenger).dev.values())

    def qualifies(self, challenger: Contestant, policy: Policy = STRICT) -> bool:
        return not unqualified(self.on_dev(challenger, policy), policy)

    def wins(self, challenger: Contestant, policy: Policy = STRICT) -> bool:
        """Submit a challenger if it qualifies; whether it became champion."""
        return self.qualifies(challenger, policy) and self.submit(challenger, policy)

    def submit(
        self,
        challenger: Contestant,
        policy: Policy = STRICT,
        killed: Callable[[Array], bool] | None = None,
    ) -> bool:
        """What `incumbent submit --promote` does with the records of a pipeline."""
        adapter, folder = self.adapter(challenger)
        pins = ScorePins(
            eval_set="dev",
            base=BASE.weights,
            champion=self.registry.opponent(adapter.files).adapter,
            challenger=adapter.files,
            decoding="decoding",
            scorers=self.scorers,
        )
        dev = self.on_dev(challenger, policy).model_copy(update={"pins": pins})
        items = SimulatedItems(self.split, self.on_sealed(challenger), killed)
        learnt = self.split.learnt
        version = self.registry.submit(adapter, folder, "a try", trained_on=learnt)
        try:
            refuse_unknown(self.registry.looks_elsewhere())
            decided = decide(self.registry, version, dev, policy, items)
        except InputError:
            self.refused += 1
            return False
        if decided.decision.verdict is not Verdict.PROMOTE:
            return False
        self.registry.promote(version.number, "it won", by="policy")
        self.champion = challenger
        return True

    def adapter(self, challenger: Contestant) -> tuple[Adapter, Path]:
        folder = self.folder / challenger.name
        folder.mkdir(exist_ok=True)
        (folder / "adapter_model.safetensors").write_text(challenger.name)
        files = digest_folder(folder)
        return Adapter(files=files, base=BASE, recipe="c" * 64, dataset="d" * 64), folder

    def on_sealed(self, challenger: Contestant) -> Array:
        at, pairing = self.split.sealed, challenger.pairing
        items = Pairing(equal=pairing.equal[at], gain=pairing.gain[at])
        return differences(self.champion.rows[at], challenger.rows[at], challenger.effect, items)

    # --- what an adversary prepares -------------------------------------------------------------

    def crown(self, *, force: bool = False) -> tuple[int, Contestant]:
        """A champion that is truly better, or one that a person forces; with its number."""
        made = self.challenger(None if force else TRUE_GAIN)
        adapter, folder = self.adapter(made)
        self.crowned.append(adapter.files)
        if force:
            version = self.registry.submit(adapter, folder, "a try", trained_on=self.split.learnt)
            self.registry.promote(version.number, "because", force=True)
            self.champion = made
        else:
            assert self.submit(made), "a gain of 0.3 is found at any look"
        champion = self.registry.champion()
        assert champion is not None, "it was made champion"
        return champion.number, made

    def move(self, family: str) -> None:
        """Go on in another family of the same registry, which has no champion yet."""
        self.registry.engine.dispose()
        self.registry = self.opened(family)

    def judged(self) -> list[str]:
        """The digests of what was measured at looks."""
        with self.registry.engine.connect() as connection:
            return list(connection.execute(select(look_bytes.c.digest)).scalars())

    def paid(self) -> list[float]:
        """The levels of all looks at equal challengers, as the ledger has them."""
        query = select(looks.c.alpha).where(looks.c.challenger.not_in(self.crowned))
        with self.registry.engine.connect() as connection:
            return [float(level) for level in connection.execute(query).scalars()]


# --- adversaries: each returns whether it got an equal challenger promoted ------------------------


def honest(project: Project) -> bool:
    """submits every challenger that qualifies"""
    return any(project.wins(project.challenger()) for _ in range(NIGHTS))


def picks_on_dev(project: Project) -> bool:
    """makes five challengers a night, and submits the best one where its p on dev is under 0.05"""

    def best() -> Contestant:
        return min((project.challenger() for _ in range(5)), key=project.worst_p)

    picked = (best() for _ in range(NIGHTS))
    return any(project.worst_p(one) < 0.05 and project.wins(one) for one in picked)


def sees_the_verdict_first(project: Project) -> bool:
    """GUARD OFF: reads the verdict before its look is counted, and submits what says PROMOTE"""

    def promising(challenger: Contestant) -> bool:
        sealed = {"sealed": measured(project.on_sealed(challenger), STRICT, sealed=True)}
        judged = project.on_dev(challenger).model_copy(update=sealed)
        return rule(judged, STRICT, 1).verdict is Verdict.PROMOTE

    drawn = (project.challenger() for _ in range(NIGHTS))
    return any(promising(challenger) and project.wins(challenger) for challenger in drawn)


def measures_again(project: Project) -> bool:
    """the same challenger with other scorers every night: half of its luck is the judge's"""
    challenger = project.qualifying()

    def again(night: int) -> bool:
        project.scorers = f"scorers, seed {night}"
        return project.wins(project.anew(challenger, 0.5))

    return any(map(again, range(NIGHTS)))


def samples_again(project: Project) -> bool:
    """the same challenger with another seed of its answers every night: all its luck is new"""
    challenger = project.qualifying()

    def again(night: int) -> bool:
        project.scorers = f"decoding, seed {night}"
        return project.wins(project.anew(challenger, 1.0))

    return any(map(again, range(NIGHTS)))


def kills_looks(project: Project) -> bool:
    """ends each look that does not win, deletes what was judged, and has it judged anew"""
    challenger = project.qualifying()

    def loses(found: Array) -> bool:
        judged = project.on_dev(challenger).model_copy(
            update={"sealed": measured(found, STRICT, sealed=True)}
        )
        return rule(judged, STRICT, 1).verdict is not Verdict.PROMOTE

    def again(_: int) -> bool:
        try:
            return project.submit(project.anew(challenger, 0.5), killed=loses)
        except KilledError:
            for digest in project.judged():
                project.registry.artifacts.blobs.delete(digest)
            return False

    return any(map(again, range(NIGHTS)))


def takes_other_registries(project: Project) -> bool:
    """a new registry on the same data every night"""

    def night(number: int) -> bool:
        project.registry.engine.dispose()
        another = project.folder / f"registry-{number}"
        copytree(project.folder.parent / "template", another)
        project.registry = Registry(another, "own", actor="adversary")
        return project.wins(project.challenger())

    return any(map(night, range(NIGHTS)))


def splits_trained_rows(project: Project) -> bool:
    """splits anew every night, half of the sealed items out of the champion's training rows"""
    project.crown()

    def split() -> Split:
        rows = project.rng.permutation(np.arange(UNUSED, UNUSED + TRAINED))
        fresh = project.rng.choice(UNUSED, size=ITEMS // 2, replace=False)
        return Split(np.concatenate([fresh, rows[: ITEMS // 2]]), np.sort(rows[ITEMS // 2 :]))

    return tries_splits(project, (split() for _ in range(NIGHTS)))


def splits_unused_rows(project: Project) -> bool:
    """draws 200 of the same 1,000 never-trained rows every night: two sets share a fifth"""

    def drawn() -> Split:
        return Split(np.sort(project.rng.choice(UNUSED, size=ITEMS, replace=False)))

    return tries_splits(project, (drawn() for _ in range(NIGHTS)))


def rotates(project: Project) -> bool:
    """HONEST: every 20 nights a person rotates to 200 rows that were never items, 1,000 in all"""

    def rotated() -> Iterator[Split]:
        before = None
        for split in disjoint(ITEMS):
            if before is not None and before is not split:
                project.registry.record_rotation("sealed", ITEMS, "known by heart")
            before = split
            yield split

    return tries_splits(project, rotated())


def takes_small_sets(project: Project) -> bool:
    """takes 40 rows that were never items every 4 nights, 1,000 rows in all"""
    return tries_splits(project, disjoint(40))


def disjoint(size: int) -> Iterator[Split]:
    """All unused rows in sets of a size, each for as many nights as the others."""
    sets = [Split(rows) for rows in np.arange(UNUSED).reshape(-1, size)]
    return chain.from_iterable(repeat(one, NIGHTS // len(sets)) for one in sets)


def tries_splits(project: Project, splits: Iterable[Split]) -> bool:
    def tries(split: Split) -> bool:
        project.split = split
        return project.wins(project.challenger())

    return any(map(tries, splits))


def rewords_all_alike(project: Project) -> bool:
    """puts another instruction before all items every night, and other blanks between words"""

    def worded(night: int, text: str) -> str:
        asked = f"In style {night}, kindly reply to the customer's question:"
        return (" " * (1 + night % 3)).join([asked, *text.split()])

    return tries_wordings(project, (partial(worded, night) for night in range(NIGHTS)))


def adds_words_of_their_own(project: Project) -> bool:
    """adds four random words to each item every night, such as a ticket's number"""

    def worded(text: str) -> str:
        return f"{text} {random_words(project.rng, 4)}"

    return tries_wordings(project, repeat(worded, NIGHTS))


def tries_wordings(project: Project, wordings: Iterable[Callable[[str], str]]) -> bool:
    """A champion answers half anew what is worded anew."""
    champion = project.champion

    def tries(worded: Callable[[str], str]) -> bool:
        challenger = project.challenger()
        project.split = Split(worded=worded)
        project.champion = project.anew(champion, 0.5)
        return project.wins(challenger)

    return any(map(tries, wordings))


def changes_the_policy(project: Project) -> bool:
    """after a HOLD, the same challenger again with another alpha, order, kind or margin"""
    return tries_policies(project, other_policies())


def other_policies() -> Iterator[Policy]:
    """Policies that ask no more than strict does, and gate on the preference all the same."""
    orders = [order for size in (3, 2, 1) for order in permutations(METRICS, size)]
    for step, gating in enumerate(cycle(order for order in orders if "preference" in order)):
        kind = ("strict", "guarded")[step % 2]
        margins = dict.fromkeys(set(gating) - {"preference"}, 0.02) if kind == "guarded" else {}
        settings = {"kind": kind, "gating": gating, "margins": margins}
        yield Policy.model_validate({"alpha": 0.05 - 0.0001 * step, **settings})


def asks_for_less(project: Project) -> bool:
    """after the first HOLD, the same challenger and all later ones with alpha 0.49"""
    return tries_policies(project, repeat(Policy(alpha=0.49)))


def tries_policies(project: Project, policies: Iterator[Policy]) -> bool:
    policy = STRICT

    def tries(challenger: Contestant) -> bool:
        nonlocal policy
        if not project.qualifies(challenger, policy):
            return False
        if project.wins(challenger, policy):
            return True
        policy = next(policies)
        return project.wins(challenger, policy)

    return any(tries(project.challenger()) for _ in range(NIGHTS))


def rolls_forced_champions(project: Project) -> bool:
    """two champions that a person forced, who did not earn alpha; rolls to the other every night"""
    return rolls(project, [project.crown(force=True), project.crown(force=True)])


def rolls_true_champions(project: Project) -> bool:
    """two champions that truly won, and earned alpha; rolls to the other every night"""
    return rolls(project, [project.crown(), project.crown()])


def stays_with_true_champion(project: Project) -> bool:
    """HONEST: the same without rolling"""
    project.crown()
    project.crown()
    return honest(project)


def rolls(project: Project, champions: Iterable[tuple[int, Contestant]]) -> bool:
    def night(champion: tuple[int, Contestant]) -> bool:
        number, project.champion = champion
        project.registry.rollback("back and forth", to=number)
        return project.wins(project.challenger())

    turns = cycle(champions)
    return any(night(next(turns)) for _ in range(NIGHTS))


def moves_to_another_family(project: Project) -> bool:
    """another family every night, where the bare base is champion again"""

    def night(number: int) -> bool:
        project.move(f"family-{number}")
        return project.wins(project.challenger())

    return any(map(night, range(NIGHTS)))


def same_look_in_another_family(project: Project) -> bool:
    """the same challenger and scorers in another family every night; deletes the judge's cache"""
    challenger = project.qualifying()

    def night(number: int) -> bool:
        project.move(f"family-{number}")
        return project.wins(project.anew(challenger, 0.5))

    return any(map(night, range(NIGHTS)))


def earns_in_other_families(project: Project) -> bool:
    """first promotes 20 copies of one true gain, in 20 other families, to earn alpha"""
    base = project.champion
    for number in range(COPIES):
        project.move(f"family-{number}")
        project.champion = base
        project.crown()
    project.move("own")
    project.champion = base
    project.crown()
    return honest(project)


Adversary = Callable[[Project], bool]
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


@dataclass(frozen=True)
class Outcome:
    """What a hundred nights of one adversary came to."""

    promoted: bool  # an equal challenger
    looks: int
    paid: float  # the sum of their levels
    refused: int  # submissions


def run(seed: int, name: str, equal: tuple[float, ...], template: Path) -> Outcome:
    # A look is written down in the project's folder, too.
    with TemporaryDirectory(dir=template.parent) as folder, contextlib.chdir(folder):
        Path("params.yaml").write_text("{}\n")
        copytree(template, Path(folder, "registry"))
        project = Project(Path(folder), np.random.default_rng(seed), np.array(equal))
        promoted = ADVERSARIES[name](project)
        paid = project.paid()
        project.registry.engine.dispose()
    return Outcome(promoted, len(paid), sum(paid), project.refused)


@dataclass(frozen=True)
class Block:
    """Runs with seeds from `first` on, summed; a line of the record."""

    who: str
    scenario: str
    first: int
    runs: int
    promoted: int
    looks: int
    paid: float
    refused: int


def print_adversaries(
    names: Iterable[str], scenario: str, runs: int, processes: int, record: Path
) -> None:
    print(f"\n{scenario}, n = {ITEMS}, {NIGHTS} nights a run")
    print(
        f"{'':<29}{'runs':>7}{'promoted':>9}{'95 % interval':>17}"
        f"{'looks':>8}{'alpha':>9}{'refused':>9}"
    )
    memory = Path("/dev/shm")  # where nothing waits for a disk
    with (
        TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder,
        ProcessPoolExecutor(processes) as pool,
    ):
        template = Path(folder, "template")
        with Registry(template, "own", actor="adversary"):
            pass  # its schema is all that is wanted
        for name in names:
            one = partial(run, name=name, equal=SCENARIOS[scenario], template=template)
            for first in tqdm(range(0, runs, BLOCK), desc=name, file=sys.stderr):
                if not any(block.first == first for block in blocks(record, name, scenario)):
                    done = list(pool.map(one, range(first, first + BLOCK), chunksize=2))
                    write_block(record, Block(name, scenario, first, BLOCK, *summed(done)))
            print(f"{name:<29}{row(blocks(record, name, scenario))}", flush=True)


def blocks(record: Path, name: str, scenario: str) -> list[Block]:
    """What is on record of one adversary."""
    lines = record.read_text().splitlines() if record.exists() else []
    every = (Block(**json.loads(line)) for line in lines)
    return [block for block in every if (block.who, block.scenario) == (name, scenario)]


def write_block(record: Path, block: Block) -> None:
    with record.open("a") as lines:
        lines.write(json.dumps(vars(block)) + "\n")


def summed(done: list[Outcome]) -> tuple[int, int, float, int]:
    return (
        sum(outcome.promoted for outcome in done),
        sum(outcome.looks for outcome in done),
        sum(outcome.paid for outcome in done),
        sum(outcome.refused for outcome in done),
    )


def row(found: list[Block]) -> str:
    runs, promoted = sum(b.runs for b in found), sum(b.promoted for b in found)
    interval = stats.binomtest(promoted, runs).proportion_ci(method="exact")
    between = f"{interval.low:.1%} … {interval.high:.1%}"
    looked, paid = sum(b.looks for b in found) / runs, sum(b.paid for b in found) / runs
    refused = sum(b.refused for b in found) / runs
    share = f"{runs:>7,}{promoted / runs:>9.1%}{between:>17}"
    return f"{share}{looked:>8.1f}{paid:>9.4f}{refused:>9.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--record", type=Path, default=RECORD)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--adversary", action="append", choices=ADVERSARIES)
    parser.add_argument("--scenario", action="append", choices=SCENARIOS)
    asked = parser.parse_args()
    names = asked.adversary or list(ADVERSARIES)
    for name in names:
        print(f"{name:<29}{ADVERSARIES[name].__doc__}")
    for scenario in asked.scenario or SCENARIOS:
        print_adversaries(names, scenario, asked.runs, asked.processes, asked.record)


if __name__ == "__main__":
    main()

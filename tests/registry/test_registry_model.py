"""Two interleaved clients of one registry, each step held against a model in plain Python."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from project.errors import IncumbentError
from project.records.evidence import Verdict
from registry.audit import problems
from registry.garbage import collect
from registry.store import Registry
from registry.tenure import CHAMPION, State
from tests.conftest import sealed_set
from tests.databases import copy_of
from tests.places import Place, decide, evidence_on, made, submit, ticking

pytest_plugins = ["tests.servers"]

NAMES = "abcde"
EVAL_SETS = [sealed_set(*(f"{name} {i}" for i in range(3))) for name in ("spring", "autumn")]
Numbers = dict[str, int]


class Looked(NamedTuple):
    """A look: at an eval set, against a champion, of a version."""

    eval_set: int
    champion: int | None
    number: int


@dataclass
class Model:
    """What the registry should hold, as its documentation has it."""

    names: list[str] = field(default_factory=list)  # version n is the adapter of names[n - 1]
    aliases: Numbers = field(default_factory=dict)
    # Of each the newest decision: its verdict, at which look, and when that was counted.
    decisions: dict[int, tuple[Verdict, Looked, int]] = field(default_factory=dict)
    won_from: dict[int, int | None] = field(default_factory=dict)
    won_on: dict[int, int | None] = field(default_factory=dict)  # eval set; None: never looked
    won_at: dict[int, int] = field(default_factory=dict)  # when each was promoted last
    # Those by which the champion came, when; and what it was at each version's last promotion.
    standing: list[int] = field(default_factory=list)
    standing_at: dict[int, list[int]] = field(default_factory=dict)
    forced: set[int] = field(default_factory=set)
    rejected: set[int] = field(default_factory=set)
    deleted: set[int] = field(default_factory=set)
    # Of each its number, when it was counted, and the eval sets that counted for it.
    looks: dict[Looked, tuple[int, int, set[int]]] = field(default_factory=dict)
    continued: dict[int, set[int]] = field(default_factory=dict)  # by eval set, for ever
    since: set[int] = field(default_factory=set)  # looked at since the last rotation
    events: int = 0

    @property
    def champion(self) -> int | None:
        return self.aliases.get(CHAMPION)

    def submit(self, name: str) -> int | None:
        """The number that the adapter gets or has; None where it must be refused."""
        if name not in self.names:
            self.names.append(name)
            self.events += 1
        number = self.names.index(name) + 1
        return None if number in self.deleted else number

    @property
    def fallen(self) -> set[int]:
        """Rolled back, and not decided on since at a look on other items."""
        return {
            number
            for number, when in self.won_at.items()
            if when not in self.standing
            and (
                number not in self.decisions
                or self.decisions[number][2] < when
                or self.won_on[number] in self.looks[self.decisions[number][1]][2]
            )
        }

    def decide(self, number: int, verdict: Verdict, eval_set: int) -> None:
        self.count_look(eval_set, number)
        look = Looked(eval_set, self.champion, number)
        made = (verdict, look, self.looks[look][1])
        if self.decisions.get(number) != made:
            self.decisions[number] = made
            self.events += 1

    def count_look(self, eval_set: int, number: int) -> int:
        look = Looked(eval_set, self.champion, number)
        if look not in self.looks:
            related = {eval_set} | self.since | self.continued.get(eval_set, set())
            own = [k for k in self.looks if k.champion == look.champion and k.eval_set in related]
            self.events += 1
            self.looks[look] = (len(own) + 1, self.events, related)
            self.continued[eval_set] = related
            self.since.add(eval_set)
        return self.looks[look][0]

    def last_looked(self, number: int) -> int | None:
        taken = [(when, k.eval_set) for k, (_, when, _) in self.looks.items() if k.number == number]
        return max(taken)[1] if taken else None

    def rotate(self) -> None:
        self.since.clear()
        self.events += 1

    def promote(self, number: int, force: bool) -> bool:
        """Promote where that is allowed; returns whether it was."""
        if self.champion == number:
            return True
        verdict, look, _ = self.decisions.get(number, (None, None, 0))
        won = verdict is Verdict.PROMOTE and look is not None and look.champion == self.champion
        stopped = number in self.rejected | self.fallen
        if number in self.deleted or not (force or (won and not stopped)):
            return False
        if force:
            self.forced.add(number)
        self.won_from[number] = self.champion
        self.won_on[number] = self.last_looked(number) if force or not look else look.eval_set
        self.aliases[CHAMPION] = number
        self.events += 1
        self.won_at[number] = self.events
        self.standing = [*self.standing, self.events]
        self.standing_at[number] = self.standing
        return True

    def rollback(self, to: int | None, expected: int | None) -> bool:
        target = to or (self.won_from[self.champion] if self.champion else None)
        if expected not in (None, self.champion) or target is None:
            return False
        if target not in self.won_from or target in self.deleted:
            return False
        if target != self.champion:
            self.events += 1
            self.standing = self.standing_at[target]
            self.aliases[CHAMPION] = target
        return True

    def reject(self, number: int) -> bool:
        if self.champion == number:
            return False
        if number not in self.rejected:
            self.rejected.add(number)
            self.events += 1
        return True

    def point(self, name: str, number: int | None, expected: int | None) -> bool:
        held = self.aliases.get(name)
        if number in self.deleted or held != expected:
            return False
        if number is None:
            self.aliases.pop(name, None)
        else:
            self.aliases[name] = number
        self.events += number != held
        return True

    def delete(self, number: int) -> bool:
        if number in self.aliases.values():
            return False
        if number not in self.deleted:
            self.deleted.add(number)
            self.events += 1
        return True


clients = st.integers(0, 1)
picks = st.integers(0, len(NAMES) - 1)  # of a version, among those that there are
maybe = st.none() | picks
eval_sets = st.integers(0, len(EVAL_SETS) - 1)
filled = precondition(lambda self: self.model.names)


class TwoClients(RuleBasedStateMachine):
    """Each rule is one client's act. What a client expects is what it saw when it last looked."""

    def __init__(self, place: Place, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        clock = ticking()
        self.clients = [place.open(clock), place.open(clock)]
        self.seen: list[Numbers] = [{}, {}]
        self.model = Model()

    def number(self, pick: int) -> int:
        return pick % len(self.model.names) + 1

    def agree(self, allowed: bool, act: Callable[[], object]) -> None:
        """The registry does what the model allowed, and refuses what it did not."""
        try:
            act()
        except IncumbentError as error:
            assert not allowed, error
        else:
            assert allowed

    @rule(client=clients)
    def look(self, client: int) -> None:
        self.seen[client] = self.clients[client].aliases()

    @rule(client=clients, name=st.sampled_from(NAMES))
    def submit(self, client: int, name: str) -> None:
        number = self.model.submit(name)

        def act() -> None:
            assert submit(self.clients[client], name, self.folder).number == number

        self.agree(number is not None, act)

    @filled
    @rule(client=clients, pick=picks, verdict=st.sampled_from(Verdict), eval_set=eval_sets)
    def decide(self, client: int, pick: int, verdict: Verdict, eval_set: int) -> None:
        registry, number = self.clients[client], self.number(pick)
        decide(registry, registry.version(number), verdict, EVAL_SETS[eval_set])
        self.model.decide(number, verdict, eval_set)

    @filled
    @rule(client=clients, pick=picks, eval_set=eval_sets)
    def count_look(self, client: int, pick: int, eval_set: int) -> None:
        registry, number = self.clients[client], self.number(pick)
        sheet = EVAL_SETS[eval_set]
        pins = evidence_on(registry, registry.version(number), sheet).pins
        assert pins is not None
        look = registry.count_look(number, pins, sheet, policy=pins.digest, alpha=0.05)
        assert look.number == self.model.count_look(eval_set, number)

    @rule(client=clients)
    def rotate(self, client: int) -> None:
        self.clients[client].record_rotation("sealed", 3, "known by heart")
        self.model.rotate()

    @filled
    @rule(client=clients, pick=picks, force=st.sampled_from([False, False, False, True]))
    def promote(self, client: int, pick: int, force: bool) -> None:
        number = self.number(pick)
        promote = partial(self.clients[client].promote, number, "a reason", force=force)
        self.agree(self.model.promote(number, force), promote)

    @filled
    @rule(client=clients, pick=picks, eval_set=eval_sets)
    def win(self, client: int, pick: int, eval_set: int) -> None:
        """A decision and the promotion that it allows: chance alone seldom puts them together."""
        self.decide(client, pick, Verdict.PROMOTE, eval_set)
        self.promote(client, pick, False)

    @filled
    @rule(client=clients, pick=maybe, careful=st.booleans())
    def rollback(self, client: int, pick: int | None, careful: bool) -> None:
        to = None if pick is None else self.number(pick)
        expected = self.seen[client].get(CHAMPION) if careful else None
        allowed = self.model.rollback(to, expected)
        act = partial(self.clients[client].rollback, "a reason", to=to, expected=expected)
        self.agree(allowed, act)

    @filled
    @rule(client=clients, pick=picks)
    def reject(self, client: int, pick: int) -> None:
        number = self.number(pick)
        act = partial(self.clients[client].reject, number, "a reason")
        self.agree(self.model.reject(number), act)

    @filled
    @rule(client=clients, name=st.sampled_from(["canary", "shadow"]), pick=maybe)
    def point(self, client: int, name: str, pick: int | None) -> None:
        number = None if pick is None else self.number(pick)
        expected = self.seen[client].get(name)
        allowed = self.model.point(name, number, expected)
        act = partial(self.clients[client].point, name, number, "a reason", expected=expected)
        self.agree(allowed, act)

    @filled
    @rule(client=clients, pick=picks)
    def delete(self, client: int, pick: int) -> None:
        number = self.number(pick)
        act = partial(self.clients[client].delete, number, "a reason")
        self.agree(self.model.delete(number), act)

    @rule(client=clients)
    def collect_garbage(self, client: int) -> None:
        collect(self.clients[client], dry_run=False)
        assert collect(self.clients[client]) == []

    @invariant()
    def both_clients_see_what_the_model_says(self) -> None:
        for registry in self.clients:
            self.check_tables(registry)
            self.check_events(registry.state())
            assert len(registry.history()) == self.model.events

    def check_tables(self, registry: Registry) -> None:
        numbers = dict(enumerate(self.model.names, start=1))
        assert {
            version.number: version.adapter.files
            for version in registry.versions(with_deleted=True)
        } == {number: made(name, self.folder)[0].files for number, name in numbers.items()}
        living = {version.number for version in registry.versions()}
        assert living == numbers.keys() - self.model.deleted
        assert registry.aliases() == self.model.aliases
        champion = registry.champion()
        assert (champion and champion.number) == self.model.champion
        assert {number for number in numbers if registry.rolled_back(number)} == self.model.fallen
        if champion:
            gained, lost = registry.tenure(champion.number)
            assert gained and gained.version == champion.number
            assert lost is None

    def check_events(self, state: State) -> None:
        assert list(state.versions) == list(range(1, len(self.model.names) + 1))
        assert state.aliases == self.model.aliases
        assert state.forced == self.model.forced
        assert state.rejected == self.model.rejected
        assert state.deleted == self.model.deleted

    def teardown(self) -> None:
        """Events stay: what an audit would find after a step it finds at the end, in less time."""
        for registry in self.clients:
            assert list(problems(registry)) == []
            registry.engine.dispose()


def explore(new_place: Callable[[], Place], folder: Path, examples: int, steps: int) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]  # the library has no types there
        lambda: TwoClients(new_place(), folder),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            database=None,
        ),
    )


@pytest.fixture
def fresh_folder(tmp_path: Path) -> Callable[[], Path]:
    """Make copies of an empty registry's folder: its tables take longer to make than to copy."""
    template, numbers = tmp_path / "template", count()
    Place(template).open().engine.dispose()

    def copy() -> Path:
        folder = tmp_path / f"registry-{next(numbers)}"
        shutil.copytree(template, folder)
        return folder

    return copy


def test_two_clients_of_sqlite_see_what_a_model_says(
    fresh_folder: Callable[[], Path], tmp_path: Path
) -> None:
    explore(lambda: Place(fresh_folder()), tmp_path, examples=10, steps=40)


@pytest.mark.slow
def test_two_clients_of_postgresql_see_what_a_model_says(postgresql: str, tmp_path: Path) -> None:
    Place(tmp_path / "template", postgresql).open().engine.dispose()
    numbers = count()

    def new_place() -> Place:
        return Place(tmp_path / f"registry-{next(numbers)}", copy_of(postgresql))

    explore(new_place, tmp_path, examples=8, steps=25)

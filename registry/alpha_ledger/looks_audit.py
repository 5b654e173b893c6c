"""Whether the rows of the ledger are what the events of all families say of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from project.records.events import Event, LookTaken, Promotion, Rollback
from project.records.record import Digest, short
from project.records.scores import Decision
from registry.alpha_ledger.looks import Pair
from registry.artifacts.artifact_store import Artifacts
from registry.storage.tables import openings


@dataclass
class RecordedLooks:
    """The rows as a fold over the events. Raises IncumbentError for a decision that is missing."""

    artifacts: Artifacts
    rows: dict[Pair, dict[str, Any]] = field(default_factory=dict)
    won_by: dict[tuple[str, int], Pair | None] = field(default_factory=dict)

    def apply(self, event: Event) -> None:
        match event.detail:
            case LookTaken() as look:
                self.open(look)
            case Promotion(decision=decision):
                pair = self.decided(decision)
                self.won_by[event.family, event.version] = pair
                self.settle(pair, promoted=True)
            case Rollback(displaced=int(lost)):
                self.settle(self.won_by.get((event.family, lost)), promoted=False)

    def open(self, look: LookTaken) -> None:
        """Old events do not record the levels: what they lack is not checked."""
        levels = {"budget": look.budget, "alpha": look.alpha}
        self.rows[Pair.of(look)] = {"opening": look.opening, "promoted": False} | {
            name: float(level) for name, level in levels.items() if level is not None
        }

    def decided(self, digest: Digest | None) -> Pair | None:
        """The pair that a promotion rests on; a forced one rests on none."""
        decision = self.artifacts.get_record(Decision, digest) if digest else None
        return Pair.of(decision.pins) if decision and decision.pins else None

    def settle(self, pair: Pair | None, *, promoted: bool) -> None:
        if pair in self.rows:
            self.rows[pair]["promoted"] = promoted


def changed_looks(
    connection: Connection, artifacts: Artifacts, history: Iterable[Event]
) -> Iterator[str]:
    """What is wrong with the rows. Raises IncumbentError as RecordedLooks does."""
    recorded = RecordedLooks(artifacts)
    for event in history:
        recorded.apply(event)
    found = {
        Pair(row.eval_set, row.champion, row.challenger): row._mapping
        for row in connection.execute(select(openings))
    }
    for pair in sorted(recorded.rows.keys() | found.keys()):
        eval_set, champion, challenger = map(short, pair)
        what = f"the look at eval set {eval_set}, {challenger} against {champion},"
        if pair not in recorded.rows:
            yield f"{what} is in the ledger, but no event records it"
        elif pair not in found:
            yield f"{what} is in the events, but no longer in the ledger"
        else:
            for name, value in recorded.rows[pair].items():
                if found[pair][name] != value:
                    yield f"{what} has {name} {found[pair][name]}, but the events say {value}"

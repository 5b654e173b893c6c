"""Whether the rows of the ledger are what the events of all families say of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from project.records.events import Event
from project.records.record import short
from project.records.scores import Decision, ScorePins
from registry.alpha_ledger.looks import key
from registry.artifacts.artifact_store import Artifacts
from registry.storage.tables import openings

Look = tuple[str, str, str]  # eval set, champion, challenger
LEVELS = ("budget", "alpha")  # events tell of them since they can be checked


@dataclass
class Told:
    """The rows as a fold over the events. Raises IncumbentError for a decision that is missing."""

    artifacts: Artifacts
    rows: dict[Look, dict[str, Any]] = field(default_factory=dict)
    won_by: dict[tuple[str, int], Look | None] = field(default_factory=dict)

    def apply(self, event: Event) -> None:
        match event.kind:
            case "open":
                self.open(event)
            case "promote":
                look = self.decided(event)
                self.won_by[event.family, event.version] = look
                self.settle(look, promoted=True)
            case "rollback" if event.detail["from"]:
                lost = (event.family, int(str(event.detail["from"])))
                self.settle(self.won_by.get(lost), promoted=False)

    def open(self, event: Event) -> None:
        pins = {name: event.detail[name] for name in ScorePins.model_fields if name != "numerics"}
        levels = {name: float(str(event.detail[name])) for name in LEVELS if name in event.detail}
        opening = {"opening": event.detail["opening"], "promoted": False}
        self.rows[look_of(ScorePins.model_validate(pins))] = opening | levels

    def decided(self, event: Event) -> Look | None:
        """The look that a promotion rests on; a forced one rests on none."""
        digest = event.detail["decision"]
        decision = self.artifacts.get_record(Decision, str(digest)) if digest else None
        return look_of(decision.pins) if decision and decision.pins else None

    def settle(self, look: Look | None, *, promoted: bool) -> None:
        if look in self.rows:
            self.rows[look]["promoted"] = promoted


def changed_looks(
    connection: Connection, artifacts: Artifacts, history: Iterable[Event]
) -> Iterator[str]:
    """What is wrong with the rows. Raises IncumbentError as Told does."""
    told = Told(artifacts)
    for event in history:
        told.apply(event)
    found = {
        (row.eval_set, row.champion, row.challenger): row._mapping
        for row in connection.execute(select(openings))
    }
    for look in sorted(told.rows.keys() | found.keys()):
        eval_set, champion, challenger = map(short, look)
        what = f"the look at exam {eval_set} of {challenger} against {champion}"
        if look not in told.rows:
            yield f"{what} is in the ledger, and no event tells of it"
        elif look not in found:
            yield f"{what} is in the events, and the ledger has it no more"
        else:
            for name, value in told.rows[look].items():
                if found[look][name] != value:
                    yield f"{what} has {name} {found[look][name]}, the events say {value}"


def look_of(pins: ScorePins) -> Look:
    row = key(pins)
    return row["eval_set"], row["champion"], row["challenger"]

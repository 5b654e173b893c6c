"""The registry: versions of adapters, who holds the seat, and an unbroken history of both."""

import getpass
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from pydantic import Field
from sqlalchemy import ColumnElement, Connection, Select, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from registry.artifacts import Artifacts
from registry.errors import IncumbentError, InputError
from registry.files import home
from registry.ledger import Look, Opening, next_opening
from registry.params import Settings, load
from registry.records import (
    Adapter,
    AdapterVersion,
    Decision,
    Detail,
    Digest,
    Event,
    EventKind,
    Evidence,
    Exam,
    Opponent,
    Record,
    ScorePins,
    Verdict,
    short,
)
from registry.tables import aliases, connect, events, openings, versions, writing

CHAMPION = "champion"
FRESH_SHARE = 0.5  # an exam that shares more of its items with an earlier one is not fresh
GENESIS = "0" * 64  # what the first event names as the one before it
R = TypeVar("R", bound=Record)


class RegistryParams(Settings):
    """Adapters of one family compete for one seat."""

    family: str = Field(default="default", pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")


def utc_now() -> datetime:
    return datetime.now(UTC)


def current_actor() -> str:
    """Whose name stands in the history: $INCUMBENT_ACTOR, or the user of this process."""
    if actor := os.environ.get("INCUMBENT_ACTOR"):
        return actor
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user often has no name
        return f"uid {os.getuid()}"


def look_key(pins: ScorePins) -> dict[str, str]:
    return {
        "eval_set": pins.eval_set,
        "champion": pins.champion or "",
        "challenger": pins.challenger,
    }


def matching(key: dict[str, str]) -> list[ColumnElement[bool]]:
    return [openings.c[name] == value for name, value in key.items()]


class Registry:
    """One family's part of the registry. Use it as a context manager."""

    def __init__(
        self,
        root: Path,
        family: str,
        *,
        actor: str | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.engine = connect(root / "registry.db")
        self.artifacts = Artifacts(root / "artifacts")
        self.family = family
        self.actor = actor or current_actor()
        self.clock = clock

    @classmethod
    def here(cls) -> Self:
        """The registry of the project in the current folder."""
        return cls(home() / "registry", load(RegistryParams, "registry").family)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.engine.dispose()

    # --- reading --------------------------------------------------------------------------------

    def versions(self) -> list[AdapterVersion]:
        """All versions of the family, oldest first."""
        query = select(versions.c.record).where(versions.c.family == self.family)
        return self._read(AdapterVersion, query.order_by(versions.c.number))

    def version(self, number: int) -> AdapterVersion:
        """One version. Raises InputError when none has that number."""
        query = select(versions.c.record).where(
            versions.c.family == self.family, versions.c.number == number
        )
        for found in self._read(AdapterVersion, query):
            return found
        raise InputError(f"{self.family} has no version {number}; see `incumbent versions`")

    def champion(self) -> AdapterVersion | None:
        with self.engine.connect() as connection:
            number = self._seat(connection)
        return self.version(number) if number else None

    def history(self, number: int | None = None, kind: EventKind | None = None) -> list[Event]:
        """The family's events, oldest first; of one version or of one kind when asked."""
        query = select(events.c.record).where(events.c.family == self.family)
        if number is not None:
            query = query.where(events.c.number == number)
        if kind is not None:
            query = query.where(events.c.kind == kind)
        return self._read(Event, query.order_by(events.c.seq))

    def decision(self, number: int) -> Decision | None:
        """The newest decision on a version."""
        decided = self.history(number, "decide")
        if not decided:
            return None
        return self.artifacts.get_record(Decision, str(decided[-1].detail["decision"]))

    def rolled_back(self, number: int) -> bool:
        """Whether a version lost the seat by a rollback, and was not decided on anew since."""
        lost = [
            event.seq for event in self.history(kind="rollback") if event.detail["from"] == number
        ]
        decided = [event.seq for event in self.history(number, "decide")]
        return bool(lost) and max(decided, default=0) < lost[-1]

    def opponent(self, challenger: Digest) -> Opponent:
        """Whom a challenger has to beat: the champion, or whom it beat if it holds the seat itself.

        So the evidence that a champion won on is still what it is after the promotion.
        """
        champion, past = self.champion(), self.history()
        if champion and champion.adapter.files == challenger:
            won = self.history(champion.number, "promote")[-1]
            past = past[: past.index(won)]
            beaten = won.detail["from"]
            champion = self.version(int(beaten)) if beaten else None
        if champion is None:
            return Opponent()
        adapter = champion.adapter
        reference = self._reference(past)
        return Opponent(
            adapter=adapter.files,
            base=adapter.base.weights,
            version=champion.number,
            reference=None if reference == adapter.files else reference,
        )

    def _reference(self, past: Sequence[Event]) -> Digest | None:
        """What the regression budget counts from: the last champion that a person approved, by
        promoting it by hand or by rolling back to it; else the first champion.
        """
        seated = [event for event in past if event.kind in ("promote", "rollback")]
        approved = [e for e in seated if e.kind == "rollback" or e.detail.get("by") == "person"]
        chosen = (approved or seated[:1])[-1:]
        return self.version(chosen[0].version).adapter.files if chosen else None

    # --- writing --------------------------------------------------------------------------------

    def submit(
        self, adapter: Adapter, folder: Path, reason: str, *lineage: Record
    ) -> AdapterVersion:
        """Store an adapter, and the records that it came from, under the next number.

        The same adapter again is the same version. Raises InputError when the folder's bytes are
        not those that the adapter's record names.
        """
        stored = self.artifacts.put_folder(folder)
        if stored != adapter.files:
            problem = f"holds adapter {short(stored)}, its record says {short(adapter.files)}"
            raise InputError(f"{problem}: run `dvc repro`", file=folder)
        for record in lineage:
            self.artifacts.put_record(record)
        with writing(self.engine) as connection:
            query = select(versions.c.record).where(
                versions.c.family == self.family, versions.c.adapter == adapter.files
            )
            if known := connection.execute(query).scalar():
                return AdapterVersion.model_validate_json(known)
            query = select(func.max(versions.c.number)).where(versions.c.family == self.family)
            version = AdapterVersion(
                family=self.family,
                number=(connection.execute(query).scalar() or 0) + 1,
                adapter=adapter,
                actor=self.actor,
                at=self._now(),
            )
            row = {
                "family": self.family,
                "number": version.number,
                "adapter": adapter.files,
                "record": version.canonical().decode(),
            }
            connection.execute(insert(versions).values(row))
            detail: Detail = {"adapter": adapter.files, "dataset": adapter.dataset}
            self._append(connection, "submit", version.number, detail, reason)
        return version

    def open_exam(self, pins: ScorePins, exam: Exam, number: int, alpha: float) -> Opening:
        """Which look at the exam this pair is, `alpha` being the policy's; registry/ledger.py says
        what follows. The same pair again is the same look.

        Looks count over all exams that share most items with this one: some new rows do not make a
        fresh exam. Raises InputError when the scores are about another exam.
        """
        if exam.digest != pins.eval_set:
            raise InputError("the scores are not about the exam that is given: run `dvc repro`")
        self.artifacts.put_record(exam)
        pair = look_key(pins)
        with writing(self.engine) as connection:
            query = select(openings.c.opening, openings.c.budget).where(*matching(pair))
            if known := connection.execute(query).first():
                return Opening(number=known.opening, budget=known.budget)
            opening = next_opening(self._looks(connection, exam), pins.champion, alpha)
            level = opening.level(alpha)
            row = {"opening": opening.number, "budget": opening.budget, "alpha": level}
            connection.execute(insert(openings).values(pair | row))
            detail: Detail = pins.model_dump() | {"opening": opening.number}
            reason = f"opening {opening.number} of the exam"
            self._append(connection, "open", number, detail, reason)
        return opening

    def _looks(self, connection: Connection, exam: Exam) -> list[Look]:
        """All looks at this exam, and at those that it shares most items with."""
        found = connection.execute(select(openings)).mappings().all()
        kin = {
            eval_set: exam.shared(self.artifacts.get_record(Exam, eval_set)) > FRESH_SHARE
            for eval_set in {row["eval_set"] for row in found}
        }
        return [
            Look(
                champion=row["champion"] or None,
                opening=row["opening"],
                alpha=row["alpha"],
                promoted=row["promoted"],
            )
            for row in found
            if kin[row["eval_set"]]
        ]

    def record_decision(
        self, number: int, decision: Decision, evidence: Evidence, policy: Record
    ) -> None:
        """Keep a decision and all that is needed to make it again. The newest one counts."""
        for record in (evidence, policy, decision):
            self.artifacts.put_record(record)
        detail: Detail = {
            "decision": decision.digest,
            "evidence": evidence.digest,
            "policy": policy.digest,
            "verdict": decision.verdict.value,
        }
        with writing(self.engine) as connection:
            newest = self._newest(connection, "decide", number)
            if newest is None or newest.detail != detail:
                self._append(connection, "decide", number, detail, decision.reasons[0])

    def promote(self, number: int, reason: str, *, by: str = "person") -> AdapterVersion:
        """Give the seat to a version whose newest decision says PROMOTE against the champion.

        `by` is "person" for somebody who looked, "policy" for a program that followed the verdict.

        One transaction: it reads the seat, compares, swaps and writes the event, or does nothing.
        Promoting the champion again changes nothing. Raises IncumbentError when the evidence does
        not fit.
        """
        version = self.version(number)
        self.artifacts.verify_folder(version.adapter.files)
        with writing(self.engine) as connection:
            seat = self._seat(connection)
            if seat == number:
                return version
            decided = self._newest(connection, "decide", number)
            if decided is None:
                raise IncumbentError(
                    f"{version.label} was never decided on: run `incumbent submit`"
                )
            if self.rolled_back(number):
                raise IncumbentError(
                    f"{version.label} was rolled back; evidence from before that does not bring it "
                    f"back, `incumbent rollback --to {number}` does"
                )
            decision = self.artifacts.get_record(Decision, str(decided.detail["decision"]))
            self._check(version, decision, seat)
            detail: Detail = {
                "from": seat,
                "by": by,
                "adapter": version.adapter.files,
                "base": version.adapter.base.weights,
                "dataset": version.adapter.dataset,
                "evidence": decision.evidence,
                "decision": decision.digest,
            }
            self._move(connection, "promote", version, detail, reason)
            self._note(connection, decision, promoted=True)
        return version

    def rollback(self, reason: str, to: int | None = None) -> AdapterVersion:
        """Give the seat back: to the champion that the present one displaced, or to version `to`.

        The old adapter's bytes are checked before anything moves. Raises InputError when there is
        no earlier champion, or `to` never was one.
        """
        with writing(self.engine) as connection:
            seat = self._seat(connection)
            promoted = self._newest(connection, "promote", seat) if seat else None
            target = to or (promoted.detail["from"] if promoted else None)
            if target is None:
                raise InputError(f"{self.family} has no earlier champion to roll back to")
            version = self.version(int(target))
            if self._newest(connection, "promote", version.number) is None:
                raise InputError(f"{version.label} never was champion")
            self.artifacts.verify_folder(version.adapter.files)
            if version.number != seat:
                self._move(connection, "rollback", version, {"from": seat}, reason)
            if version.number != seat and promoted:
                lost = self.artifacts.get_record(Decision, str(promoted.detail["decision"]))
                self._note(connection, lost, promoted=False)
        return version

    # --- one level down -------------------------------------------------------------------------

    def _check(self, version: AdapterVersion, decision: Decision, seat: int | None) -> None:
        """Raise IncumbentError unless this decision lets this version take this seat."""
        if decision.verdict is not Verdict.PROMOTE:
            raise IncumbentError(f"{version.label} may not be promoted: {decision}")
        champion = self.version(seat).adapter.files if seat else None
        pins = decision.pins
        if pins is None or pins.challenger != version.adapter.files:
            raise IncumbentError(f"the decision on {version.label} is about another adapter")
        if pins.base != version.adapter.base.weights:
            raise IncumbentError(f"the decision on {version.label} is about another base model")
        if pins.champion != champion:
            raise IncumbentError(
                f"{version.label} was compared with adapter {short(pins.champion)}, but the "
                f"champion is {short(champion)} now: run `dvc repro` and `incumbent submit` again"
            )

    def _move(
        self,
        connection: Connection,
        kind: EventKind,
        version: AdapterVersion,
        detail: Detail,
        reason: str,
    ) -> None:
        seat = {"family": self.family, "name": CHAMPION, "number": version.number}
        statement = upsert(aliases).values(seat)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["family", "name"], set_={"number": version.number}
            )
        )
        self._append(connection, kind, version.number, detail, reason)

    def _note(self, connection: Connection, decision: Decision, *, promoted: bool) -> None:
        """Keep in the ledger whether the look of a decision came to a promotion that holds."""
        if decision.pins:
            look = update(openings).where(*matching(look_key(decision.pins)))
            connection.execute(look.values(promoted=promoted))

    def _seat(self, connection: Connection) -> int | None:
        query = select(aliases.c.number).where(
            aliases.c.family == self.family, aliases.c.name == CHAMPION
        )
        return connection.execute(query).scalar()

    def _newest(self, connection: Connection, kind: EventKind, number: int) -> Event | None:
        query = select(events.c.record).where(
            events.c.family == self.family, events.c.kind == kind, events.c.number == number
        )
        found = connection.execute(query.order_by(events.c.seq.desc()).limit(1)).scalar()
        return Event.model_validate_json(found) if found else None

    def _append(
        self, connection: Connection, kind: EventKind, number: int, detail: Detail, reason: str
    ) -> None:
        """Add one event to the chain, inside the caller's transaction."""
        last = connection.execute(
            select(events.c.seq, events.c.digest).order_by(events.c.seq.desc()).limit(1)
        ).first()
        event = Event(
            seq=last.seq + 1 if last else 1,
            kind=kind,
            family=self.family,
            version=number,
            detail=detail,
            actor=self.actor,
            reason=reason,
            at=self._now(),
            previous=last.digest if last else GENESIS,
        )
        row = {
            "seq": event.seq,
            "family": event.family,
            "number": event.version,
            "kind": event.kind,
            "record": event.canonical().decode(),
            "digest": event.digest,
        }
        connection.execute(insert(events).values(row))

    def _read(self, model: type[R], query: Select[str]) -> list[R]:
        with self.engine.connect() as connection:
            rows = connection.execute(query).scalars().all()
        return [model.model_validate_json(row) for row in rows]

    def _now(self) -> str:
        return self.clock().isoformat(timespec="milliseconds").replace("+00:00", "Z")

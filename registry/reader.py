"""Reading the registry: versions, which of them is champion, and the history of both."""

import os
from collections.abc import Callable, Collection, Sequence
from copy import copy
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from sqlalchemy import Connection, Select, select, union

from project.errors import InputError
from project.files import home
from project.near_duplicates import WordPrints
from project.records.adapters import Adapter, AdapterVersion, Opponent, Provenance
from project.records.events import (
    DecisionMade,
    Event,
    EventKind,
    LookAdopted,
    LookTaken,
    Promotion,
    Submission,
)
from project.records.evidence import Decision
from project.records.record import Digest, Record
from project.records.scores import ScorePins
from project.settings import load
from registry import tenure
from registry.alpha_ledger import looks
from registry.alpha_ledger.look_bytes import LookBytes, lines_of, unknown_looks
from registry.alpha_ledger.looks import CountedLook, SealedSet
from registry.registry_settings import RegistryParams, SigningKeys, current_actor
from registry.roles import NO_LIMITS, Roles
from registry.storage.artifact_store import Artifacts, Blobs
from registry.storage.database import connect
from registry.storage.tables import (
    aliases,
    digest_at,
    event_of,
    events,
    parsed,
    versions,
)
from registry.tenure import CHAMPION, State, fold

R = TypeVar("R", bound=Record)


class RegistryReader:
    """What can be asked of one family's part of the registry. Use it as a context manager.

    `root` is the folder of an SQLite registry; `database` and `artifacts` are URLs of other places.
    """

    def __init__(
        self,
        root: Path,
        family: str,
        *,
        database: str | None = None,
        artifacts: str | None = None,
        actor: str | None = None,
        roles: Roles | None = None,
        keys: SigningKeys | None = None,
        four_eyes: bool = False,
        announced: Collection[EventKind] = (),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.engine = connect(database or f"sqlite:///{root / 'registry.db'}")
        self.artifacts = Artifacts(Blobs(artifacts or str(root / "artifacts")))
        self.family = family
        self.actor = actor or current_actor()
        self.roles = roles or NO_LIMITS
        self.keys = keys or SigningKeys()
        self.announced = announced  # kinds of events that become notices too
        self.four_eyes = four_eyes  # whoever submitted a version may not promote it
        self.clock = clock

    @classmethod
    def here(cls) -> Self:
        """The registry of the project in the current folder."""
        params = load(RegistryParams)
        return cls(
            home() / "registry",
            params.family,
            database=os.environ.get("INCUMBENT_DATABASE") or params.database,
            artifacts=params.artifacts,
            roles=Roles.here(params.roles),
            keys=params.keys,
            four_eyes=params.four_eyes,
            announced=params.event_notices,
        )

    def families(self) -> list[Self]:
        """The same registry, once for each family that is in it."""
        query = union(*(select(table.c.family) for table in (versions, aliases, events)))
        with self.engine.connect() as connection:
            names = connection.execute(query).scalars().all()
        return [self._of(family) for family in sorted(names)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.engine.dispose()

    def versions(
        self, *, after: int = 0, limit: int | None = None, with_deleted: bool = False
    ) -> list[AdapterVersion]:
        """Versions of the family, oldest first, with numbers above `after`."""
        query = self._own().where(versions.c.number > after)
        if not with_deleted:
            query = query.where(versions.c.deleted.is_(False))
        return self._read(AdapterVersion, query.order_by(versions.c.number).limit(limit))

    def newest(self, limit: int = 1) -> list[AdapterVersion]:
        """The last versions that were not deleted, newest first."""
        query = self._own().where(versions.c.deleted.is_(False))
        return self._read(AdapterVersion, query.order_by(versions.c.number.desc()).limit(limit))

    def version(self, number: int) -> AdapterVersion:
        """One version, also a deleted one. Raises InputError when none has that number."""
        for version in self._read(AdapterVersion, self._own().where(versions.c.number == number)):
            return version
        raise InputError(
            f"{self.family} has no version {number}; see `incumbent registry versions`"
        )

    def version_of(self, adapter: Digest) -> AdapterVersion | None:
        """The version that an adapter is in this family, also a deleted one."""
        return next(
            iter(self._read(AdapterVersion, self._own().where(versions.c.adapter == adapter))), None
        )

    def deleted(self, number: int) -> bool:
        query = select(versions.c.deleted).where(
            versions.c.family == self.family, versions.c.number == number
        )
        with self.engine.connect() as connection:
            return bool(connection.execute(query).scalar())

    def champion(self) -> AdapterVersion | None:
        """The champion, if there is one yet. One query."""
        query = (
            select(versions.c.record)
            .join(
                aliases,
                (aliases.c.family == versions.c.family) & (aliases.c.number == versions.c.number),
            )
            .where(aliases.c.family == self.family, aliases.c.name == CHAMPION)
        )
        return next(iter(self._read(AdapterVersion, query)), None)

    def before_champion(self) -> int | None:
        """The version that a rollback goes back to; None where there is none."""
        champion = self.champion()
        won = self.newest_event(champion.number, "promote") if champion else None
        return won.told(Promotion).displaced if won else None

    def is_champion(self, adapter: Digest) -> bool:
        champion = self.champion()
        return champion is not None and champion.adapter.files == adapter

    def aliases(self) -> dict[str, int]:
        query = select(aliases.c.name, aliases.c.number).where(aliases.c.family == self.family)
        with self.engine.connect() as connection:
            rows = connection.execute(query.order_by(aliases.c.name)).all()
        return {row.name: row.number for row in rows}

    def history(
        self,
        number: int | None = None,
        kind: EventKind | None = None,
        *,
        without: Collection[str] = (),
    ) -> list[Event]:
        """The family's events, oldest first; of a version or kind, and without other kinds."""
        query = self._events(number, kind).where(events.c.kind.not_in(without))
        return self._read(Event, query.order_by(events.c.seq))

    def newest_event(self, number: int, kind: EventKind) -> Event | None:
        """The last event of a kind about a version. Raises IncumbentError if it was changed."""
        with self.engine.connect() as connection:
            return self.newest_on(connection, kind, number)

    def state(self, at: str | None = None) -> State:
        """What the events up to a moment make of the family, whatever the other tables say."""
        return fold(self.history(), until=at)

    def submitted(self, number: int) -> Digest:
        """The digest of a version's record, as it was stored."""
        event = self.newest_event(number, "submit")
        assert event is not None, "a version was submitted"
        return event.told(Submission).version

    def provenance(self, number: int) -> Provenance | None:
        """Where a version came from; None where that was not recorded, or was erased."""
        event = self.newest_event(number, "submit")
        digest = event.told(Submission).provenance if event else None
        known = digest is not None and self.artifacts.blobs.exists(digest)
        return self.artifacts.get_record(Provenance, digest) if digest and known else None

    def decision_made(self, number: int) -> DecisionMade | None:
        """What the history says of the newest decision on a version."""
        event = self.newest_event(number, "decide")
        return event.told(DecisionMade) if event else None

    def decision(self, number: int) -> Decision | None:
        """The newest decision on a version."""
        made = self.decision_made(number)
        return self.artifacts.get_record(Decision, made.decision) if made else None

    def look(self, pins: ScorePins, policy: Digest) -> CountedLook | None:
        """The look that this measurement under this policy has had already."""
        with self.engine.connect() as connection:
            return looks.find_look(connection, pins, policy)

    def bytes_of(self, look: CountedLook) -> LookBytes:
        """What was answered and judged at a look."""
        return LookBytes(self.engine, self.artifacts, look.event)

    def look_lines(self, *, all_families: bool = False) -> list[LookAdopted]:
        """What other registries have to know of looks: the family's, or those of all."""
        of_family = () if all_families else (events.c.family == self.family,)
        query = select(events.c.record).where(events.c.kind == LookTaken.kind, *of_family)
        with self.engine.connect() as connection:
            first = digest_at(connection, 1)
        return lines_of(self._read(Event, query.order_by(events.c.seq)), first or "")

    def looks_elsewhere(self) -> list[LookAdopted]:
        """Looks that the project's file or its history in git tells of, and the registry lacks.

        It has those of its other families: they are counted where they share rows with this one.
        """
        lines = self.look_lines(all_families=True)
        return unknown_looks(self.history(kind=LookAdopted.kind), lines)

    def families_before(self, look: CountedLook) -> list[str]:
        """The other families whose looks a look was counted after."""
        with self.engine.connect() as connection:
            return looks.families_before(connection, self.family, look)

    def decision_at(self, pins: ScorePins, policy: Digest) -> Decision | None:
        """The newest decision that was made at the look of this measurement, in any family."""
        for family, number in self.copies(pins.challenger):
            for event in reversed(self._of(family).history(number, "decide")):
                decision = self.artifacts.get_record(Decision, event.told(DecisionMade).decision)
                known = decision.opening is not None and decision.policy == policy
                if known and decision.pins and looks.same(decision.pins, pins):
                    return decision
        return None

    def copies(self, adapter: Digest) -> list[tuple[str, int]]:
        """What an adapter is in each family: the family, and the version's number; ours first."""
        query = select(versions.c.family, versions.c.number).where(versions.c.adapter == adapter)
        with self.engine.connect() as connection:
            copies = [(row.family, row.number) for row in connection.execute(query)]
        return sorted(copies, key=lambda copy: (copy[0] != self.family, copy))

    def trained_on(self, adapter: Digest | None) -> WordPrints | None:
        """The prompts of the rows that an adapter was trained on, and those that it was trained
        from, as near-duplicates are told by; of the bare base none, None where no family knows.
        """
        prints: list[WordPrints] = []
        while adapter is not None:
            copies = [(self._of(family), number) for family, number in self.copies(adapter)]
            submitted = [reader.newest_event(number, "submit") for reader, number in copies]
            rows = {event.told(Submission).trained_on for event in submitted if event} - {None}
            if not rows:
                return None
            kept = sorted(filter(None, rows))
            prints.extend(self.artifacts.get_record(WordPrints, digest) for digest in kept)
            reader, number = copies[0]
            adapter = reader.version(number).adapter.parent
        return WordPrints.joined(prints)

    def comes_back_at(self, number: int, sealed: Callable[[], SealedSet]) -> bool:
        """Whether a look at this eval set could bring back a rolled-back version."""
        with self.engine.connect() as connection:
            lost = tenure.fallen(connection, self.family, number)
            if lost is None:
                return True
            newest = looks.newest_looks(connection)
            related = looks.related_sets(connection, self.artifacts, self.family, sealed(), newest)
            return self._won_on(connection, lost) not in related

    def rolled_back(self, number: int) -> bool:
        """Whether a version was rolled back as champion, and has not won on fresh items since.

        Another policy, or another measurement on the same items, does not bring it back.
        """
        with self.engine.connect() as connection:
            return self.fallen_on(connection, number)

    def tenure(self, number: int) -> tuple[Event | None, Event | None]:
        """The events by which a version last became champion, and ceased to be it."""
        with self.engine.connect() as connection:
            return tenure.tenure(connection, self.family, number)

    def opponent(self, challenger: Digest) -> Opponent:
        """Whom a challenger has to beat: the champion; or, if it is that itself, whom it beat.

        So the evidence that a champion won on is still what it is after the promotion.
        """
        champion, until = self.champion(), None
        if champion and champion.adapter.files == challenger:
            won = self.newest_event(champion.number, "promote")
            assert won is not None, "the champion was promoted"
            beaten, until = won.told(Promotion).displaced, won.seq
            champion = self.version(beaten) if beaten else None
        if champion is None:
            return Opponent()
        adapter, reference = champion.adapter, self._reference(until)
        apart = reference if reference and reference.files != adapter.files else None
        return Opponent(
            adapter=adapter.files,
            base=adapter.base.weights,
            version=champion.number,
            reference=apart.files if apart else None,
            contestant=adapter.contestant,
            baseline=apart.contestant if apart else None,
        )

    # --- on a connection that the caller has, to see what its transaction sees ------------------

    def fallen_on(self, connection: Connection, number: int) -> bool:
        """As rolled_back."""
        lost = tenure.fallen(connection, self.family, number)
        if lost is None:
            return False
        decided = self.newest_on(connection, "decide", number)
        counted = decided.told(DecisionMade).look if decided else None
        if counted is None or counted < lost.seq:
            return True
        look = self.event_on(connection, counted).told(LookTaken)
        return self._won_on(connection, lost) in {look.eval_set, *look.continues}

    def alias_on(self, connection: Connection, name: str) -> int | None:
        """The version that an alias names."""
        query = select(aliases.c.number).where(
            aliases.c.family == self.family, aliases.c.name == name
        )
        return connection.execute(query).scalar()

    def newest_on(self, connection: Connection, kind: EventKind, number: int) -> Event | None:
        of_version = events.c.number == number
        return tenure.first(connection, self.family, kind, of_version, newest=True)

    def event_on(self, connection: Connection, seq: int) -> Event:
        """Raises IncumbentError if it was changed."""
        return event_of(connection.execute(select(events).where(events.c.seq == seq)).one())

    # --- the queries ----------------------------------------------------------------------------

    def _won_on(self, connection: Connection, promotion: Event) -> Digest | None:
        """The eval set that a version was promoted on, or looked at before it was by force."""
        digest = promotion.told(Promotion).decision
        pins = self.artifacts.get_record(Decision, digest).pins if digest else None
        of_version, before = events.c.number == promotion.version, events.c.seq < promotion.seq
        look = tenure.first(connection, self.family, "open", of_version, before, newest=True)
        return pins.eval_set if pins else look.told(LookTaken).eval_set if look else None

    def _of(self, family: str) -> Self:
        """This very registry, but about another family."""
        other = copy(self)
        other.family = family
        return other

    def _reference(self, until: int | None) -> Adapter | None:
        """The regression baseline: the adapter that the budget counts from, before event until."""
        with self.engine.connect() as connection:
            chosen = tenure.reference(connection, self.family, until)
        return self.version(chosen).adapter if chosen else None

    def _own(self) -> Select[str]:
        return select(versions.c.record).where(versions.c.family == self.family)

    def _events(self, number: int | None, kind: EventKind | None) -> Select[str]:
        query = select(events.c.record).where(events.c.family == self.family)
        if number is not None:
            query = query.where(events.c.number == number)
        return query if kind is None else query.where(events.c.kind == kind)

    def _read(self, model: type[R], query: Select[str]) -> list[R]:
        with self.engine.connect() as connection:
            rows: Sequence[str] = connection.execute(query).scalars().all()
        return [parsed(model, row) for row in rows]

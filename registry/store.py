"""The registry: nothing becomes champion without evidence, and nothing is ever lost."""

import re

from sqlalchemy import Connection, delete, insert, select, update

from project.errors import IncumbentError, InputError
from project.records.adapters import AdapterVersion
from project.records.events import (
    AliasMove,
    DecisionMade,
    Deletion,
    Promotion,
    Rejection,
    Rollback,
    Withdrawal,
)
from project.records.record import Digest
from registry import signatures
from registry.attestation import check_attestation
from registry.decision_checks import (
    refuse_changed,
    refuse_late,
    refuse_moved,
    refuse_one_person,
    refuse_rejected,
    refuse_unseen,
    release,
    winning,
)
from registry.recorder import RegistryRecorder
from registry.registry_settings import NAME
from registry.storage.database import writing
from registry.storage.tables import aliases, versions
from registry.tenure import CHAMPION, reference


class Registry(RegistryRecorder):
    """One family's part of the registry, to read and to change. Use it as a context manager."""

    def promote(
        self,
        number: int,
        reason: str,
        *,
        by: str = "person",
        force: bool = False,
        expected: int | None = None,
        seen: Digest | None = None,
    ) -> AdapterVersion:
        """Make a version champion whose newest decision says PROMOTE against the present champion.

        `by` is "person" for somebody who looked, "policy" for a program that followed the verdict.
        `force` does without a decision, and marks the version for ever. `expected` is the number of
        the champion that somebody saw who decides, 0 for none, and `seen` the decision: where there
        is another one now, nothing moves.

        One transaction: it reads the champion, compares, swaps and writes the event, or does
        nothing. Promoting the champion again changes nothing. Raises IncumbentError when the
        evidence does not fit, where four eyes are asked for and the submitter promotes, and where
        the version became champion after somebody saw another one.
        """
        self.roles.require("promote", self.actor)
        version = self.version(number)
        self._refuse_deleted(version)  # now for a plain message, and below since it may be deleted
        for folder in version.adapter.folders:
            self.artifacts.verify_folder(folder)
        signed = signatures.verified(self, version)
        check_attestation(self, version)
        with writing(self.engine) as connection:
            self._refuse_deleted(version)
            champion = self.alias_on(connection, CHAMPION)
            refuse_moved(connection, self.family, champion)
            refuse_changed(connection, version)
            if champion == number:
                refuse_late(self, connection, number, expected)
                return version
            decided = self.newest_on(connection, "decide", number)
            made = decided.told(DecisionMade) if decided else None
            refuse_unseen(champion, expected, made, seen)
            refuse_one_person(self, connection, version, by)
            decision = None if force else winning(self, connection, version, champion, made)
            signatures.refuse_stale(signed, version, self.submitted(number), made, self.keys)
            promotion = Promotion(
                displaced=champion,
                by=by,
                forced=int(force),
                counts_from=self._counts_from(connection, number, by),
                adapter=version.adapter.files,
                base=version.adapter.base.weights,
                dataset=version.adapter.dataset,
                evidence=decision.evidence if decision else None,
                decision=made.decision if decision and made else None,
                look=made.look if decision and made else None,
            )
            self._move(connection, CHAMPION, number)
            self.append_event(connection, number, promotion, reason)
        return version

    def rollback(
        self, reason: str, to: int | None = None, *, expected: int | None = None
    ) -> AdapterVersion:
        """Make an earlier champion champion again: the one before the present one, or version `to`.

        The old adapter's bytes are checked before anything moves. Raises InputError when there is
        no earlier champion, or `to` never was one; IncumbentError for one that a person rejected,
        and when version `expected` is no longer the champion.
        """
        self.roles.require("promote", self.actor)
        with writing(self.engine) as connection:
            champion = self.alias_on(connection, CHAMPION)
            refuse_moved(connection, self.family, champion)
            if expected is not None and champion != expected:
                raise IncumbentError(
                    f"the champion is version {champion} now, not {expected}: nothing was changed"
                )
            won = self.newest_on(connection, "promote", champion) if champion else None
            promotion = won.told(Promotion) if won else None
            target = to or (promotion.displaced if promotion else None)
            if target is None:
                raise InputError(nowhere_to_go(self.family, champion))
            version = self.version(target)
            if self.newest_on(connection, "promote", version.number) is None:
                raise InputError(f"{version.label} never was champion")
            refuse_rejected(self, connection, version)
            version = release(self, version.number)
            if version.number != champion:
                self._move(connection, CHAMPION, version.number)
                self.append_event(connection, version.number, Rollback(displaced=champion), reason)
        return version

    def withdraw(self, number: int, reason: str) -> AdapterVersion:
        """Take the champion out: the bare base is in its place, until a version beats it.

        A rollback to it brings it back. Raises InputError where the version is not the champion,
        IncumbentError where four eyes are asked for and whoever submitted it would withdraw it.
        """
        self.roles.require("promote", self.actor)
        version = self.version(number)
        with writing(self.engine) as connection:
            champion = self.alias_on(connection, CHAMPION)
            refuse_moved(connection, self.family, champion)
            if champion != number:
                now = f"v{champion} is" if champion else "there is none"
                raise InputError(
                    f"{version.label} is not the champion ({now}): nothing to withdraw"
                )
            refuse_one_person(self, connection, version, "person", "withdraw")
            self._move(connection, CHAMPION, None)
            self.append_event(connection, number, Withdrawal(), reason)
        return version

    def reject(self, number: int, reason: str) -> AdapterVersion:
        """A person's no: the version cannot be promoted any more, but by force."""
        self.roles.require("promote", self.actor)
        version = self.version(number)
        with writing(self.engine) as connection:
            if self.alias_on(connection, CHAMPION) == number:
                raise InputError(
                    f"{version.label} is the champion: {way_out(number, self.before_champion())}"
                )
            if self.newest_on(connection, "reject", number) is None:
                self.append_event(connection, number, Rejection(), reason)
        return version

    def point(self, name: str, number: int | None, reason: str, *, expected: int | None) -> None:
        """Let an alias name a version, or with None nothing; `expected` is what it names now.

        Raises InputError for `champion`, which only a promotion or a rollback moves, and
        IncumbentError when the alias names something else than expected.
        """
        self.roles.require("promote", self.actor)
        if not re.match(NAME, name):
            raise InputError(f"an alias is [a-z0-9-], at most 63 characters, and {name!r} is none")
        if re.fullmatch(r"v?\d+", name):
            raise InputError(f"{name!r} is how a version is called: an alias needs another name")
        if name == CHAMPION:
            raise InputError(
                "only `incumbent promote`, `incumbent rollback` and `incumbent registry withdraw` "
                "change the champion"
            )
        with writing(self.engine) as connection:
            if number is not None:
                self._refuse_deleted(self.version(number))
            held = self.alias_on(connection, name)
            if held != expected:
                way = f"say --expect {held}" if held else "leave --expect out"
                raise IncumbentError(
                    f"alias {name} names {held or 'nothing'} now, not {expected or 'nothing'}: "
                    f"nothing was changed; {way}"
                )
            if number == held:
                return
            self._move(connection, name, number)
            about = number if number is not None else held
            assert about is not None, "an alias that names nothing moves to a version"
            move = AliasMove(name=name, displaced=held, removed=int(number is None))
            self.append_event(connection, about, move, reason)

    def delete(self, number: int, reason: str) -> AdapterVersion:
        """Leave a tombstone: the record and its lineage stay, its files may be collected.

        Raises InputError for a version that an alias names, and for the regression baseline.
        """
        self.roles.require("delete", self.actor)
        version = self.version(number)
        with writing(self.engine) as connection:
            query = select(aliases.c.name).where(
                aliases.c.family == self.family, aliases.c.number == number
            )
            if name := connection.execute(query).scalar():
                if name == CHAMPION:
                    way = way_out(number, self.before_champion())
                    raise InputError(f"{version.label} is the champion: {way}")
                freed = f"`incumbent registry alias {name} --expect {number}`"
                raise InputError(f"{version.label} has the alias {name}: {freed} takes it away")
            if reference(connection, self.family) == number:
                raise InputError(
                    f"{version.label} is the regression baseline: promotions are compared with it, "
                    "until a person promotes another version"
                )
            gone = update(versions).where(
                versions.c.family == self.family,
                versions.c.number == number,
                versions.c.deleted.is_(False),
            )
            if connection.execute(gone.values(deleted=True)).rowcount > 0:
                deletion = Deletion(adapter=version.adapter.files)
                self.append_event(connection, number, deletion, reason)
        return version

    def _counts_from(self, connection: Connection, number: int, by: str) -> int:
        """The regression baseline once this version is champion: what the budget counts from."""
        if by == "person":
            return number
        return reference(connection, self.family) or number

    def _move(self, connection: Connection, name: str, number: int | None) -> None:
        """Let an alias name a version, or nothing, inside the caller's transaction."""
        alias = (aliases.c.family == self.family) & (aliases.c.name == name)
        if number is None:
            connection.execute(delete(aliases).where(alias))
        elif not connection.execute(update(aliases).where(alias).values(number=number)).rowcount:
            row = {"family": self.family, "name": name, "number": number}
            connection.execute(insert(aliases).values(row))


def way_out(champion: int, before: int | None) -> str:
    """How a version stops being the champion."""
    withdraw = f"`incumbent registry withdraw {champion} --reason …`"
    if before:
        return f"`incumbent rollback` puts v{before} in its place, {withdraw} the bare base"
    return f"{withdraw} puts the bare base in its place"


def nowhere_to_go(family: str, champion: int | None) -> str:
    """Why there is no rollback, and what there is instead."""
    if champion is None:
        return (
            f"{family} has no earlier champion to go back to by itself: `incumbent rollback --to "
            "N` names one that was champion"
        )
    return (
        f"{family} has no earlier champion to roll back to: `incumbent registry withdraw "
        f"{champion} --reason …` leaves the bare base in its place"
    )

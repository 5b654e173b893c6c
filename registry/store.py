"""The registry: nothing becomes champion without evidence, and nothing is ever lost."""

import re
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, delete, func, insert, select, update

from project.canonical import digest_bytes, moment_of, stamp
from project.errors import IncumbentError, InputError
from project.files import home
from project.near_duplicates import WordPrints
from project.paths import INDEX_FILES
from project.records.adapters import Adapter, AdapterVersion, Provenance
from project.records.events import (
    AliasMove,
    AnswerReference,
    DecisionMade,
    Deletion,
    Detail,
    EvalSetRotation,
    Event,
    HostedChanged,
    LookAdopted,
    LookTakenUp,
    Promotion,
    PromptReference,
    ReferenceKind,
    Rejection,
    Restored,
    Rollback,
    RowErasure,
    SealedConsent,
    Signing,
    Submission,
    Withdrawal,
)
from project.records.evidence import Decision, Evidence
from project.records.record import Digest, Record
from project.records.scores import ScorePins
from registry import signatures
from registry.alpha_ledger import looks
from registry.alpha_ledger.look_bytes import (
    MOST_ATTEMPTS,
    LookBytes,
    OtherBytesError,
    bound_bytes,
)
from registry.alpha_ledger.looks import CountedLook, SealedSet
from registry.attestation import attest, check_attestation
from registry.decision_checks import (
    look_of,
    refuse_changed,
    refuse_late,
    refuse_moved,
    refuse_one_person,
    refuse_unseen,
    release,
    winning,
)
from registry.notices import notice_of, put
from registry.reader import RegistryReader
from registry.registry_settings import NAME
from registry.storage.database import writing
from registry.storage.tables import aliases, append, tip, versions
from registry.tenure import CHAMPION, reference


class Registry(RegistryReader):
    """One family's part of the registry, to read and to change. Use it as a context manager.

    Every change is one transaction that holds the writers' lock, and ends with an event.
    """

    def submit(
        self,
        adapter: Adapter,
        folder: Path,
        reason: str,
        *lineage: Record,
        trained_on: WordPrints | None = None,
        provenance: Provenance | None = None,
    ) -> AdapterVersion:
        """Store an adapter, and the records that it came from, under the next number.

        `trained_on` are the prompts of its training rows, and `provenance` the commit of its
        project, where they are known. The same adapter again is the same version. Raises InputError
        when the folder's bytes are not those that the adapter's record names, IncumbentError for an
        adapter that was deleted.
        """
        self.roles.require("submit", self.actor)
        self.put_folders(adapter, folder)
        with writing(self.engine) as connection:
            query = select(versions.c.record, versions.c.deleted).where(
                versions.c.family == self.family, versions.c.adapter == adapter.files
            )
            if known := connection.execute(query).first():
                version = AdapterVersion.model_validate_json(known.record)
                if known.deleted:
                    raise IncumbentError(f"this adapter was {version.label}, which was deleted")
                if version.adapter.base.weights != adapter.base.weights:
                    raise InputError(
                        f"these files are {version.label}, which stands on {version.adapter.base}, "
                        f"and not on {adapter.base}"
                    )
                return version
            last = select(func.max(versions.c.number)).where(versions.c.family == self.family)
            if any(map(self.artifacts.incomplete, adapter.folders)):  # garbage was collected since
                self.put_folders(adapter, folder)
            records = tuple(self.artifacts.put_record(record) for record in lineage)
            version = AdapterVersion(
                family=self.family,
                number=(connection.execute(last).scalar() or 0) + 1,
                adapter=adapter,
                actor=self.actor,
                at=self._now(),
            )
            row = {
                "family": self.family,
                "number": version.number,
                "adapter": adapter.files,
                "record": version.canonical().decode(),
                "deleted": False,
            }
            connection.execute(insert(versions).values(row))
            submission = Submission(
                version=version.digest,
                adapter=adapter.files,
                dataset=adapter.dataset,
                records=records,
                trained_on=self.artifacts.put_record(trained_on) if trained_on else None,
                provenance=self.artifacts.put_record(provenance) if provenance else None,
            )
            self._append(connection, version.number, submission, reason)
        self._sign_where_keyed(version.number)
        return version

    def put_folders(self, adapter: Adapter, folder: Path) -> None:
        """Raises InputError where one holds something else than the adapter's record says."""
        self.artifacts.put_folder(folder, adapter.files)
        if adapter.index:
            self.artifacts.put_folder(INDEX_FILES, adapter.index)
        if adapter.answers:
            self.artifacts.put_folder(home() / "adapters" / adapter.answers, adapter.answers)

    def sign(self, number: int, key: Path, reason: str) -> signatures.Statement:
        """Sign a version with a private key, as it stands on its newest decision."""
        version = self.version(number)
        self._refuse_deleted(version)
        made = self.decision_made(number)
        statement = signatures.Statement.about(version, self.submitted(number), made)
        bundle = signatures.sign(self.artifacts, statement, key)
        files = self.artifacts.manifest(version.adapter.files)
        envelope = attest(statement, files, self.provenance(number), key)
        self.add_signature(number, statement, bundle, reason, envelope)
        return statement

    def add_signature(
        self,
        number: int,
        statement: signatures.Statement,
        bundle: bytes,
        reason: str,
        envelope: bytes | None = None,
    ) -> None:
        """Keep a signature, maybe made elsewhere. The newest one counts, and whoever promotes,
        exports or deploys the version checks it. Raises InputError for a bundle without a key.
        """
        self.roles.require("submit", self.actor)
        self.version(number)
        key = signatures.key_hint(bundle)
        with writing(self.engine) as connection:
            signing = Signing(
                statement=self.artifacts.put_record(statement),
                signature=self.artifacts.put(bundle),
                key=key,
                attestation=self.artifacts.put(envelope) if envelope else None,
            )
            self._append(connection, number, signing, reason)

    def count_look(
        self,
        number: int,
        pins: ScorePins,
        sealed: SealedSet,
        *,
        policy: Digest,
        alpha: float,
        anew: bool = False,
    ) -> CountedLook:
        """Count a version's look at the sealed eval set, before it is taken. The same measurement
        under the same policy again is the same look, unless its bytes are gone and it is taken
        `anew`; `alpha` is that policy's.

        Looks count over all eval sets that share most items with this one, reworded or not: some
        new rows do not make a fresh set. registry/alpha_ledger/spending.py says what a look may
        spend. Raises InputError when the measurement is at another eval set.
        """
        self.roles.require("submit", self.actor)
        if sealed.items.digest != pins.eval_set:
            raise InputError("the scores are of another eval set than this one: run `dvc repro`")
        if pins.challenger != self.version(number).adapter.files:
            raise InputError(f"the scores are of another adapter than version {number}'s")
        with writing(self.engine) as connection:
            known = looks.find_look(connection, pins, policy)
            if known and not anew:
                return known
            self.artifacts.put_record(sealed.items)
            look = looks.plan_look(
                connection, self.artifacts, self.family, pins, policy, alpha, sealed
            )
            reason = f"look {look.opening} at the sealed eval set"
            return looks.record_look(connection, self._append(connection, number, look, reason))

    def take_up(self, number: int, look: CountedLook) -> LookBytes:
        """Go on with an interrupted look, on record. Raises OtherBytesError after too many."""
        self.roles.require("submit", self.actor)
        with writing(self.engine) as connection:
            before = self.attempts_on(connection, number, look.event)
            if before >= MOST_ATTEMPTS:
                raise OtherBytesError(f"look {look.number} was interrupted {before} times")
            again = LookTakenUp(
                look=look.event,
                attempt=before + 1,
                bound=bound_bytes(connection, look.event),
            )
            self._append(connection, number, again, f"look {look.number} was interrupted")
        return self.bytes_of(look)

    def adopt_looks(self, lines: Sequence[LookAdopted], reason: str) -> None:
        """Count looks that were taken elsewhere: the next one here comes after them."""
        self.roles.require("promote", self.actor)
        with writing(self.engine) as connection:
            for line in lines:
                self._append(connection, 0, line, reason)

    def record_restore(self, restored: Restored, reason: str) -> None:
        self.roles.require("administer", self.actor)
        with writing(self.engine) as connection:
            self._append(connection, 0, restored, reason)

    def record_rotation(self, part: str, items: int, reason: str) -> None:
        """Note that a person lets the items of dev or sealed leave: only then is another sealed
        set a fresh one, at which looks are counted anew.
        """
        self.roles.require("promote", self.actor)
        with writing(self.engine) as connection:
            self._append(connection, 0, EvalSetRotation(part=part, items=items), reason)

    def record_consent(self, consent: SealedConsent, reason: str) -> None:
        self.roles.require("promote", self.actor)
        with writing(self.engine) as connection:
            self._append(connection, 0, consent, reason)

    def record_change(self, number: int, change: HostedChanged) -> None:
        """Note, once for a version, that a hosted model answers otherwise."""
        self.roles.require("submit", self.actor)
        reason = f"p {float(change.p):.4f} on {change.items} questions that are asked every night"
        with writing(self.engine) as connection:
            if self.newest_on(connection, "changed", number) is None:
                self._append(connection, number, change, reason)

    def record_erasure(
        self,
        rows: Sequence[str],
        trained: Sequence[int],
        artifacts: Sequence[Digest],
        reason: str,
        *,
        files: Sequence[str] = (),
    ) -> None:
        """Note that a person had rows erased, then delete the artifacts that tell of them. `files`
        are DVC's md5 of what left its cache.

        The event is the tombstone by which `verify` misses none of these. Deleting what is gone
        already changes nothing.
        """
        self.roles.require("promote", self.actor)
        with writing(self.engine) as connection:
            erasure = RowErasure(
                rows=tuple(rows),
                artifacts=tuple(artifacts),
                versions=tuple(trained),
                files=tuple(files) or None,
            )
            self._append(connection, 0, erasure, reason)
        for digest in artifacts:
            self.artifacts.blobs.delete(digest)

    def record_decision(
        self, number: int, decision: Decision, evidence: Evidence, policy: Record
    ) -> None:
        """Keep a decision and all that is needed to make it again. The newest one counts.

        Raises IncumbentError for one that was made at another look than was counted for it, or that
        rests on a second measurement at that look.
        """
        self.roles.require("submit", self.actor)
        adapter = self.version(number).adapter.files
        with writing(self.engine) as connection:
            look = look_of(self, connection, adapter, decision, evidence)
            made = DecisionMade(
                decision=decision.digest,
                evidence=evidence.digest,
                policy=policy.digest,
                verdict=decision.verdict,
                look=look.event if look else None,
                bound=bound_bytes(connection, look.event) if look else None,
            )
            for record in (evidence, policy, decision):
                self.artifacts.put_record(record)
            newest = self.newest_on(connection, "decide", number)
            if newest is None or newest.detail != made:
                self._append(connection, number, made, decision.reasons[0])
        self._sign_where_keyed(number)

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
            self._append(connection, number, promotion, reason)
        return version

    def rollback(
        self, reason: str, to: int | None = None, *, expected: int | None = None
    ) -> AdapterVersion:
        """Make an earlier champion champion again: the one before the present one, or version `to`.

        The old adapter's bytes are checked before anything moves. Raises InputError when there is
        no earlier champion, or `to` never was one; IncumbentError when version `expected` is no
        longer the champion.
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
            version = release(self, version.number)
            if version.number != champion:
                self._move(connection, CHAMPION, version.number)
                self._append(connection, version.number, Rollback(displaced=champion), reason)
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
            self._append(connection, number, Withdrawal(), reason)
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
                self._append(connection, number, Rejection(), reason)
        return version

    def point(self, name: str, number: int | None, reason: str, *, expected: int | None) -> None:
        """Let an alias name a version, or with None nothing; `expected` is what it names now.

        Raises InputError for `champion`, which only a promotion or a rollback moves, and
        IncumbentError when the alias names something else than expected.
        """
        self.roles.require("promote", self.actor)
        if not re.match(NAME, name):
            raise InputError(f"an alias is [a-z0-9-], at most 63 characters, and {name!r} is none")
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
                raise IncumbentError(
                    f"alias {name} names {held or 'nothing'} now, not {expected or 'nothing'}: "
                    "nothing was changed"
                )
            if number == held:
                return
            self._move(connection, name, number)
            about = number if number is not None else held
            assert about is not None, "an alias that names nothing moves to a version"
            move = AliasMove(name=name, displaced=held, removed=int(number is None))
            self._append(connection, about, move, reason)

    def watch(
        self,
        number: int,
        kind: ReferenceKind,
        reference: bytes,
        *,
        first: str,
        embedder: Digest,
        judge: Path | None,
        reason: str,
        since: str | None = None,
        days: int | None = None,
        accepted: int | None = None,
        instead_of: Digest | None = None,
    ) -> Event:
        """Keep the traffic that a version is compared with from a day on, and the folder of the
        model that judged its answers.

        Of each kind the first one stays, unless it was seen by another embedder, is of fewer days
        or of days to come, or lacks what a person accepted.
        """
        self.roles.require("submit", self.actor)
        folder = self.artifacts.take_folder(judge) if judge else None
        told = AnswerReference if kind == AnswerReference.kind else PromptReference
        frozen = told(
            reference=digest_bytes(reference),
            first=first,
            embedder=embedder,
            since=since,
            days=days,
            accepted=accepted,
            instead_of=instead_of,
        )
        today = self.clock().date().isoformat()
        with writing(self.engine) as connection:
            known = self.newest_on(connection, kind, number)
            if known and known.told(PromptReference).outlasts(frozen, today):
                return known
            self._refuse_deleted(self.version(number))
            # Garbage may have been collected since.
            if judge and folder and self.artifacts.incomplete(folder):
                self.artifacts.put_folder(judge, folder)
            self.artifacts.put(reference)
            kept = self.artifacts.all_of(folder) if folder else None
            detail = frozen.model_copy(update={"judge": kept})
            return self._append(connection, number, detail, reason)

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
                first = (
                    way_out(number, self.before_champion())
                    if name == CHAMPION
                    else "move the alias first"
                )
                raise InputError(f"{version.label} is the {name}: {first}")
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
                self._append(connection, number, deletion, reason)
        return version

    # --- events of one version ------------------------------------------------------------------

    def _sign_where_keyed(self, number: int) -> None:
        """Sign a version whose newest signature does not say what it is now."""
        if self.keys.private is None or self.deleted(number):
            return
        version, record = self.version(number), self.submitted(number)
        statement = signatures.Statement.about(version, record, self.decision_made(number))
        newest = self.newest_event(number, "sign")
        if newest is None or newest.told(Signing).statement != statement.digest:
            reason = "signed on submission" if statement.decision is None else "signed as decided"
            self.sign(number, self.keys.private, reason)

    def _counts_from(self, connection: Connection, number: int, by: str) -> int:
        """The regression baseline once this version is champion: what the budget counts from."""
        if by == "person":
            return number
        return reference(connection, self.family) or number

    def _refuse_deleted(self, version: AdapterVersion) -> None:
        if self.deleted(version.number):
            raise InputError(f"{version.label} was deleted")

    def _move(self, connection: Connection, name: str, number: int | None) -> None:
        """Let an alias name a version, or nothing, inside the caller's transaction."""
        alias = (aliases.c.family == self.family) & (aliases.c.name == name)
        if number is None:
            connection.execute(delete(aliases).where(alias))
        elif not connection.execute(update(aliases).where(alias).values(number=number)).rowcount:
            row = {"family": self.family, "name": name, "number": number}
            connection.execute(insert(aliases).values(row))

    def _append(self, connection: Connection, number: int, detail: Detail, reason: str) -> Event:
        """Add one event to the chain, inside the caller's transaction."""
        seq, previous = tip(connection)
        event = Event(
            seq=seq + 1,
            kind=detail.kind,
            family=self.family,
            version=number,
            detail=detail,
            actor=self.actor,
            reason=reason,
            at=self._now(),
            previous=previous,
        )
        append(connection, event)
        if event.kind in self.announced:
            put(connection, notice_of(event), moment_of(event.at))
        return event

    def _now(self) -> str:
        return stamp(self.clock())

    def append_event(
        self, connection: Connection, number: int, detail: Detail, reason: str
    ) -> Event:
        """For parts of the registry in folders of their own, such as ballots: they check the duty,
        and what the transaction sees, before they add an event to it.
        """
        return self._append(connection, number, detail, reason)


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

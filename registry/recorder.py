"""What the registry is told: versions, signatures, looks, decisions, and all that is noted."""

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, func, insert, select

from project.canonical import digest_bytes, moment_of, stamp
from project.errors import IncumbentError, InputError
from project.files import home
from project.near_duplicates import WordPrints
from project.paths import INDEX_FILES
from project.records.adapters import Adapter, AdapterVersion, Provenance
from project.records.events import (
    AnswerReference,
    DecisionMade,
    Detail,
    EvalSetRotation,
    Event,
    HostedChanged,
    LookAdopted,
    LookTakenUp,
    PromptReference,
    ReferenceKind,
    Restored,
    RowErasure,
    SealedConsent,
    Signing,
    Submission,
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
from registry.attestation import attest
from registry.decision_checks import (
    look_of,
)
from registry.notices import notice_of, put
from registry.reader import RegistryReader
from registry.storage.database import writing
from registry.storage.tables import append, events_of, tip, versions


class RegistryRecorder(RegistryReader):
    """What is kept of one family, where nothing becomes or ceases to be champion by it.

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
            self.append_event(connection, version.number, submission, reason)
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
            self.append_event(connection, number, signing, reason)

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
            return looks.record_look(
                connection, self.append_event(connection, number, look, reason)
            )

    def take_up(self, number: int, look: CountedLook) -> LookBytes:
        """Go on with an interrupted look, on record. Raises OtherBytesError after too many."""
        self.roles.require("submit", self.actor)
        with writing(self.engine) as connection:
            history = [event.detail for event in events_of(connection, self.family, number)]
            again = [detail for detail in history if isinstance(detail, LookTakenUp)]
            before = 1 + sum(detail.look == look.event for detail in again)
            if before >= MOST_ATTEMPTS:
                raise OtherBytesError(f"look {look.number} was interrupted {before} times")
            attempt = LookTakenUp(
                look=look.event,
                attempt=before + 1,
                bound=bound_bytes(connection, look.event),
            )
            self.append_event(connection, number, attempt, f"look {look.number} was interrupted")
        return self.bytes_of(look)

    def adopt_looks(self, lines: Sequence[LookAdopted], reason: str) -> None:
        """Count looks that were taken elsewhere: the next one here comes after them."""
        self.roles.require("promote", self.actor)
        with writing(self.engine) as connection:
            for line in lines:
                self.append_event(connection, 0, line, reason)

    def record_restore(self, restored: Restored, reason: str) -> None:
        self.roles.require("administer", self.actor)
        with writing(self.engine) as connection:
            self.append_event(connection, 0, restored, reason)

    def record_rotation(self, part: str, items: int, reason: str) -> None:
        """Note that a person lets the items of dev or sealed leave: only then is another sealed
        set a fresh one, at which looks are counted anew.
        """
        self.roles.require("promote", self.actor)
        with writing(self.engine) as connection:
            self.append_event(connection, 0, EvalSetRotation(part=part, items=items), reason)

    def record_consent(self, consent: SealedConsent, reason: str) -> None:
        self.roles.require("promote", self.actor)
        with writing(self.engine) as connection:
            self.append_event(connection, 0, consent, reason)

    def record_change(self, number: int, change: HostedChanged) -> None:
        """Note, once for a version, that a hosted model answers otherwise."""
        self.roles.require("submit", self.actor)
        reason = f"p {float(change.p):.4f} on {change.items} questions that are asked every night"
        with writing(self.engine) as connection:
            if self.newest_on(connection, "changed", number) is None:
                self.append_event(connection, number, change, reason)

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
            self.append_event(connection, 0, erasure, reason)
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
                self.append_event(connection, number, made, decision.reasons[0])
        self._sign_where_keyed(number)

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
            return self.append_event(connection, number, detail, reason)

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

    def _refuse_deleted(self, version: AdapterVersion) -> None:
        if self.deleted(version.number):
            raise InputError(f"{version.label} was deleted")

    def append_event(
        self, connection: Connection, number: int, detail: Detail, reason: str
    ) -> Event:
        """Add one event to the chain, inside the transaction of the caller, who has checked the
        duty and what that transaction sees.
        """
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

"""What is asked of a decision before it is kept, and before a version is promoted by it."""

from itertools import chain
from unicodedata import normalize

from sqlalchemy import Connection, select

from project.canonical import digest_bytes
from project.errors import IncumbentError, InputError
from project.records.adapters import AdapterVersion
from project.records.events import DecisionMade, Submission
from project.records.evidence import Decision, Evidence, Verdict
from project.records.record import Digest, short
from registry.alpha_ledger.looks import CountedLook, find_look
from registry.attestation import check_attestation
from registry.reader import RegistryReader
from registry.signatures import check_signature
from registry.storage.tables import events_of, versions
from registry.tenure import last_move


def look_of(
    registry: RegistryReader,
    connection: Connection,
    adapter: Digest,
    decision: Decision,
    evidence: Evidence,
) -> CountedLook | None:
    """The look that a decision on an adapter was made at; None: it was made without one.

    Raises IncumbentError unless that look was counted so, and the evidence is its first.
    """
    if decision.opening is None:
        return None
    pins = decision.pins
    if pins is None or pins.challenger != adapter:
        raise IncumbentError("the decision is about another adapter than the version's")
    look = find_look(connection, pins, decision.policy)
    if look is None or (look.number, look.budget) != (decision.opening, decision.budget):
        raise IncumbentError(
            f"this decision was made at look {decision.opening}, and the ledger has "
            f"{f'look {look.number}' if look else 'no look'} for it: nothing was kept"
        )
    refuse_second_measurement(registry, connection, adapter, look, evidence)
    return look


def refuse_second_measurement(
    registry: RegistryReader,
    connection: Connection,
    adapter: Digest,
    look: CountedLook,
    evidence: Evidence,
) -> None:
    """Raise IncumbentError unless evidence is what was measured at this look before, votes that
    came in since aside: two machines may have been at it at once, and the first one counts. The
    adapter may have been at it in another family.
    """
    for event in chain.from_iterable(
        events_of(connection, family, number) for family, number in registry.copies(adapter)
    ):
        if isinstance(event.detail, DecisionMade) and event.detail.look == look.event:
            before = registry.artifacts.get_record(Evidence, event.detail.evidence)
            if before.without_votes != evidence.without_votes:
                raise IncumbentError(
                    f"look {look.number} was measured already, and its evidence stays: run "
                    "`incumbent submit` again"
                )
            return


def refuse_unseen(
    champion: int | None,
    expected: int | None,
    made: DecisionMade | None,
    seen: Digest | None,
) -> None:
    """Raise IncumbentError unless the champion and the newest decision are those that somebody saw
    who promotes. `expected` is that champion's number, 0 for none; None: nobody says.
    """
    if expected is not None and (champion or 0) != expected:
        raise IncumbentError(
            f"{version_or_none(champion)} is champion now, and {version_or_none(expected)} was "
            "when this was looked at: nothing was changed"
        )
    if seen is not None and (made is None or made.decision != seen):
        raise IncumbentError(
            "there is a newer decision than the one that was looked at: nothing was changed"
        )


def refuse_late(
    registry: RegistryReader, connection: Connection, number: int, expected: int | None
) -> None:
    """Raise IncumbentError where a version became champion since the person looked."""
    won = registry.newest_on(connection, "promote", number)
    if won and expected not in (None, number):
        raise IncumbentError(
            f"you came late: {won.actor} made version {number} champion at {won.at}, after this "
            "was looked at. Nothing was changed"
        )


def refuse_one_person(
    registry: RegistryReader,
    connection: Connection,
    version: AdapterVersion,
    by: str,
    act: str = "promote",
) -> None:
    """Raise IncumbentError where four eyes are asked for, and one person, or a program that follows
    the verdict, would promote what nobody else looked at. A withdrawal asks for the same.
    """
    if not registry.four_eyes:
        return
    asked = "registry.four_eyes in params.yaml asks for a second person"
    if by != "person":
        raise IncumbentError(f"{version.label} waits for a person to promote it: {asked}")
    submitted = registry.newest_on(connection, "submit", version.number)
    if submitted is None or same_person(submitted.actor, registry.actor):
        raise IncumbentError(
            f"{registry.actor} submitted {version.label} and may not {act} it too: {asked}"
        )


def version_or_none(champion: int | None) -> str:
    return f"version {champion}" if champion else "no version"


def same_person(one: str, other: str) -> bool:
    """Whether two names are one, in whichever case and form they were typed."""
    return plain(one) == plain(other)


def plain(name: str) -> str:
    return " ".join(normalize("NFKC", name).casefold().split())


def winning(
    registry: RegistryReader,
    connection: Connection,
    version: AdapterVersion,
    champion: int | None,
    made: DecisionMade | None,
) -> Decision:
    """The decision by which a version replaces this champion. Raises IncumbentError without."""
    if made is None:
        raise IncumbentError(f"{version.label} was never decided on: run `incumbent submit`")
    refuse_rejected(registry, connection, version)
    if registry.fallen_on(connection, version.number):
        raise IncumbentError(
            f"{version.label} was rolled back or withdrawn; what was measured on the same items "
            f"does not bring it back, `incumbent rollback --to {version.number}` does"
        )
    decision = registry.artifacts.get_record(Decision, made.decision)
    refuse_unfit(version, decision, registry.version(champion) if champion else None)
    # Its evidence must still be there whole, or nobody could make the decision again.
    registry.artifacts.get(decision.evidence)
    return decision


def refuse_rejected(
    registry: RegistryReader, connection: Connection, version: AdapterVersion
) -> None:
    """Raise IncumbentError where a person said no, which force alone outweighs."""
    if rejected := registry.newest_on(connection, "reject", version.number):
        raise IncumbentError(
            f"{version.label} was rejected by {rejected.actor}: {rejected.reason}; only "
            f"`incumbent promote {version.number} --force --reason …` makes it champion"
        )


def refuse_unfit(
    version: AdapterVersion, decision: Decision, champion: AdapterVersion | None
) -> None:
    """Raise IncumbentError unless a decision promotes this version over this champion."""
    if decision.verdict is not Verdict.PROMOTE:
        raise IncumbentError(f"{version.label} may not be promoted: {decision}")
    pins = decision.pins
    if pins is None or pins.challenger != version.adapter.files:
        raise IncumbentError(f"the decision on {version.label} is about another adapter")
    if pins.base != version.adapter.base.weights:
        raise IncumbentError(f"the decision on {version.label} is about another base model")
    if pins.contestants and pins.contestants[1].identity != version.adapter.contestant.identity:
        raise IncumbentError(
            f"the decision on {version.label} is about another chat template or system prompt"
        )
    beaten = champion.adapter.files if champion else None
    if pins.champion != beaten:
        raise IncumbentError(
            f"{version.label} was compared with adapter {short(pins.champion)}, but the "
            f"champion is {short(beaten)} now: run `dvc repro` and `incumbent submit` again"
        )
    if champion and not pins.against(champion.adapter):
        raise IncumbentError(
            f"{version.label} was compared with {champion.label} on another base or under another "
            "system prompt than it was submitted with: run `dvc repro` and `incumbent submit` again"
        )


# --- release --------------------------------------------------------------------------------------

# What is asked before a version is used or the champion changes: is it still what the events say?
#
# `registry/audit.py` checks everything and takes its time; these are the few rows that one change
# of the champion, or one use of a version, reads.


def release(reader: RegistryReader, number: int) -> AdapterVersion:
    """A version that may be used as it is: exported, deployed, or made champion again.

    Its row and all events about it are as they were written, its signature is as the settings want
    it, and every byte of its adapter is there. Raises InputError for a version that there is not or
    that was deleted, IncumbentError for what else does not hold.
    """
    version = reader.version(number)
    if reader.deleted(number):
        raise InputError(f"{version.label} was deleted")
    with reader.engine.connect() as connection:
        refuse_changed(connection, version)
    check_signature(reader, version)
    check_attestation(reader, version)
    for folder in version.adapter.folders:
        reader.artifacts.verify_folder(folder)
    return version


def refuse_changed(connection: Connection, version: AdapterVersion) -> None:
    """Raise IncumbentError unless a version, and every event about it, is as it was written."""
    history = events_of(connection, version.family, version.number)
    submitted = [e.detail.version for e in history if isinstance(e.detail, Submission)]
    query = select(versions.c.record).where(
        versions.c.family == version.family, versions.c.number == version.number
    )
    if submitted != [digest_bytes(connection.execute(query).scalar_one().encode())]:
        raise IncumbentError(
            f"{version.label} is not what was submitted; `incumbent registry verify` tells more"
        )
    if any(event.kind == "delete" for event in history):
        raise IncumbentError(f"{version.label} was deleted")


def refuse_moved(connection: Connection, family: str, champion: int | None) -> None:
    """Raise IncumbentError unless the events too say that this version is the champion."""
    moved = last_move(connection, family)
    recorded = moved.version if moved and moved.kind != "withdraw" else None
    if recorded != champion:
        raise IncumbentError(
            f"the alias says that {version_or_none(champion)} is champion, the events say "
            f"{version_or_none(recorded)}; `incumbent registry verify` tells more"
        )

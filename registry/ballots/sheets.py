"""The sheet that people vote on: opened for a version, asked about again, and read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from sqlalchemy import Connection

from project.canonical import digest_bytes
from project.errors import IncumbentError, InputError
from project.records.ballots import SheetPart, VotingPair
from project.records.events import Event, VotesAsked
from project.records.record import Digest, short
from registry.ballots.standing import Key, VoteQuestion, Votes, refuse_settled, votes_on
from registry.decision_checks import plain, same_person
from registry.reader import RegistryReader
from registry.roles import Roles
from registry.storage.artifact_store import Artifacts
from registry.storage.database import writing
from registry.store import Registry

MOST_VOTES = 99  # reviewers an item


@dataclass(frozen=True)
class Sheet:
    """Both answers to each item, in the order of the sheet."""

    digest: Digest
    pairs: tuple[VotingPair, ...]

    @cached_property
    def by_item(self) -> dict[str, VotingPair]:
        return {pair.item: pair for pair in self.pairs}


def open_sheet(
    registry: Registry,
    number: int,
    pairs: Sequence[VotingPair],
    *,
    part: SheetPart,
    votes: int,
    reason: str,
    look: int | None = None,
) -> Event:
    """Let people vote on a version's answers. The same sheet again changes nothing.

    `look` is the number of the event that counted the look at sealed items. Raises IncumbentError
    for sealed items without one, and where there is nothing to decide about the version any more.
    """
    registry.roles.require("submit", registry.actor)
    champion, challenger = labels(pairs, short(registry.version(number).adapter.files))
    data = b"".join(pair.canonical() + b"\n" for pair in pairs)
    with writing(registry.engine) as connection:
        refuse_settled(registry, connection, number)
        refuse_uncounted(registry, connection, number, part, look)
        asked = VotesAsked(
            sheet=registry.artifacts.put(data),
            part=part,
            look=look,
            votes=within_reason(votes),
            items=len(pairs),
            judged=int(any(pair.chance is not None for pair in pairs)),
            champion=champion,
            challenger=challenger,
        )
        known = votes_on(registry, connection, number).asked.get(part)
        if known and known.on_same(asked):
            return known.event
        return registry.append_event(connection, number, asked, reason)


def ask_votes(
    registry: Registry,
    number: int,
    votes: int,
    reason: str,
    part: SheetPart | None = None,
    reviewers: Mapping[str, int] | None = None,
) -> Event:
    """Ask for more reviewers an item, or other ones, on the sheet that is open: the sealed one
    where there is one. `reviewers` are asked by name, each on so many items; None: whoever may
    vote. Which items they see is drawn as before.

    The gate goes on counting an item as it was agreed on when the sheet was opened: further votes
    tell how far people agree. Raises InputError where nothing else than before is asked for, and
    IncumbentError where four eyes are asked for and the submitter would say who votes.
    """
    registry.roles.require("promote", registry.actor)
    with writing(registry.engine) as connection:
        refuse_settled(registry, connection, number)
        asked = votes_on(registry, connection, number).sheet(part)
        detail = asked.detail
        named = checked(reviewers, registry.roles, detail.items) if reviewers else None
        if named != detail.reviewers:
            refuse_submitter(registry, connection, number, asked, "say who votes on it")
        if votes < detail.votes or (votes, named) == (detail.votes, detail.reviewers):
            raise InputError(f"{detail.votes} votes an item are asked for already")
        more = detail.model_copy(update={"votes": within_reason(votes), "reviewers": named})
        return registry.append_event(connection, number, more, reason)


def asked_about(
    registry: Registry, number: int, part: SheetPart | None = None
) -> VoteQuestion | None:
    """The newest sheet of a version: the sealed one where there is one, and nothing else asked."""
    with registry.engine.connect() as connection:
        return votes_on(registry, connection, number).newest(part)


def read_sheet(artifacts: Artifacts, digest: Digest) -> Sheet:
    """A stored sheet. Raises IncumbentError when it is gone, as after an erasure."""
    if not artifacts.blobs.exists(digest):
        raise IncumbentError(gone(digest))
    return parsed(artifacts, digest)


def gone(digest: Digest) -> str:
    return f"the voting sheet {short(digest)} is gone: submit the version again"


@lru_cache(maxsize=16)
def parsed(artifacts: Artifacts, digest: Digest) -> Sheet:
    """Kept by digest, as its bytes never change."""
    lines = artifacts.get(digest).splitlines()
    return Sheet(digest, tuple(VotingPair.parse(line, Path(digest)) for line in lines))


def labels(pairs: Sequence[VotingPair], challenger: str) -> tuple[str, str]:
    """What the sheet calls champion and challenger. Raises InputError unless it is on these two."""
    names = {name for pair in pairs for name in (pair.left, pair.right)}
    if len(names) != 2 or challenger not in names:
        raise InputError(f"a voting sheet compares {challenger} with one other version")
    if len({pair.item for pair in pairs}) != len(pairs):
        raise InputError("an item is on the voting sheet twice")
    (champion,) = names - {challenger}
    for pair in pairs:
        bound = (pair.left_text, pair.left_answer), (pair.right_text, pair.right_answer)
        if any(digest_bytes(text.encode()) != digest for text, digest in bound):
            raise InputError(f"the digests of item {pair.item!r} are of other answers than it has")
    return champion, challenger


def within_reason(votes: int) -> int:
    if not 1 <= votes <= MOST_VOTES:
        raise InputError(f"votes an item are from 1 to {MOST_VOTES}, not {votes}")
    return votes


def refuse_uncounted(
    registry: Registry, connection: Connection, number: int, part: SheetPart, look: int | None
) -> None:
    """Raise IncumbentError for sealed items that people would see without a counted look."""
    if part == "dev" and look is None:
        return
    counted = registry.event_on(connection, look) if look else None
    if part == "dev" or counted is None or (counted.kind, counted.version) != ("open", number):
        raise IncumbentError(
            f"no look at the sealed eval set was counted for version {number}, so nobody may see it"
        )


# --- reviewers asked ------------------------------------------------------------------------------

# Who is asked to vote on a sheet, and on how many items; and who may not be asked at all.

MOST_REVIEWERS = 200


def most_items(asked: VoteQuestion, reviewer: str) -> int | None:
    """The number of items on which a reviewer, in plain spelling, is asked; None: any number."""
    named = asked.detail.reviewers
    if named is None:
        return None
    return next((most for name, most in named.items() if plain(name) == reviewer), 0)


def further_items(votes: Votes, asked: VoteQuestion, reviewer: str) -> int | None:
    """The number of items more than were shown already; None: any number."""
    most = most_items(asked, reviewer)
    if most is None:
        return None
    return max(0, most - sum(is_first(key, asked, reviewer) for key in votes.shown))


def is_submitter(
    registry: RegistryReader, connection: Connection, number: int, asked: VoteQuestion
) -> bool:
    """Whether the actor submitted a version, votes on it decide, and four eyes are asked for."""
    if not registry.four_eyes or asked.detail.part != "sealed":
        return False
    submitted = registry.newest_on(connection, "submit", number)
    return submitted is not None and same_person(submitted.actor, registry.actor)


def is_first(key: Key, asked: VoteQuestion, reviewer: str) -> bool:
    """Whether it is an item of this sheet that the reviewer was shown, not a repeat of one."""
    return (key.sheet, key.reviewer, key.repeat) == (asked.detail.sheet, reviewer, 0)


def refuse_unasked(votes: Votes, asked: VoteQuestion, key: Key) -> None:
    """Raise IncumbentError for an item beyond those that a reviewer is asked about."""
    if not key.repeat and further_items(votes, asked, key.reviewer) == 0:
        raise IncumbentError("you are not asked to vote on further items of this sheet")


def refuse_submitter(
    registry: RegistryReader, connection: Connection, number: int, asked: VoteQuestion, act: str
) -> None:
    """Raise IncumbentError where the actor is_submitter: a decision that a second person has to
    make does not rest on the votes of the first, nor on those of people whom the first chose.
    """
    if is_submitter(registry, connection, number, asked):
        raise IncumbentError(
            f"{registry.actor} submitted version {number} and may not {act}: "
            "registry.four_eyes in params.yaml asks for other people"
        )


def checked(reviewers: Mapping[str, int], roles: Roles, items: int) -> dict[str, int]:
    """Reviewers by name and how many items each is asked about. Raises InputError for who may not
    vote, for somebody who is named twice, and for a number of items that the sheet does not have.
    """
    if not 1 <= len(reviewers) <= MOST_REVIEWERS:
        raise InputError(f"name from 1 to {MOST_REVIEWERS} reviewers")
    if len({plain(name) for name in reviewers}) < len(reviewers):
        raise InputError("a reviewer is named twice")
    for name, most in reviewers.items():
        if not roles.allow("vote", name):
            raise InputError(f"{name} may not vote: that is for {roles.names('vote')}")
        if not 1 <= most <= items:
            raise InputError(f"{name} can be asked about 1 to {items} items, not {most}")
    return dict(reviewers)

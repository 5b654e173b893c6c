"""Who is asked to vote on a sheet, and on how many items; and who may not be asked at all."""

from collections.abc import Mapping

from sqlalchemy import Connection

from project.errors import IncumbentError, InputError
from registry.ballots.standing import Asked, Key, Votes
from registry.decision_checks import plain, same_person
from registry.reader import RegistryReader
from registry.roles import Roles

MOST_REVIEWERS = 200


def most_items(asked: Asked, reviewer: str) -> int | None:
    """On how many items a reviewer, in plain spelling, is asked; None: on any number."""
    named = asked.detail.reviewers
    if named is None:
        return None
    return next((most for name, most in named.items() if plain(name) == reviewer), 0)


def further_items(votes: Votes, asked: Asked, reviewer: str) -> int | None:
    """On how many more than were shown already; None: on any number."""
    most = most_items(asked, reviewer)
    if most is None:
        return None
    return max(0, most - sum(is_first(key, asked, reviewer) for key in votes.shown))


def may_see_more(votes: Votes, asked: Asked, reviewer: str) -> bool:
    """Whether something is left for a reviewer: what was shown and has no ballot, or more."""
    shown = (key for key in votes.shown if is_first(key, asked, reviewer))
    return further_items(votes, asked, reviewer) != 0 or any(k not in votes.ballots for k in shown)


def is_submitter(
    registry: RegistryReader, connection: Connection, number: int, asked: Asked
) -> bool:
    """Whether the actor submitted a version, votes on it decide, and four eyes are asked for."""
    if not registry.four_eyes or asked.detail.part != "sealed":
        return False
    submitted = registry.newest_on(connection, "submit", number)
    return submitted is not None and same_person(submitted.actor, registry.actor)


def is_first(key: Key, asked: Asked, reviewer: str) -> bool:
    """Whether it is an item of this sheet that the reviewer was shown, not a repeat of one."""
    return (key.sheet, key.reviewer, key.repeat) == (asked.detail.sheet, reviewer, 0)


def refuse_unasked(votes: Votes, asked: Asked, key: Key) -> None:
    """Raise IncumbentError for an item beyond those that a reviewer is asked about."""
    if not key.repeat and further_items(votes, asked, key.reviewer) == 0:
        raise IncumbentError("you are not asked to vote on further items of this sheet")


def refuse_submitter(
    registry: RegistryReader, connection: Connection, number: int, asked: Asked, act: str
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

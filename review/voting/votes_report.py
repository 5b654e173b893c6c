"""How the votes on a version stand and who cast them, and who may know it."""

from fastapi import HTTPException

from monitoring.asked_items import items_asked
from project.errors import IncumbentError, InputError
from project.records.ballots import SheetPart
from registry.ballots.open_votes import open_of, votes_lacking
from registry.ballots.reviewers_asked import is_submitter
from registry.ballots.sheets import asked_about, gone
from registry.ballots.standing import Asked, read_votes
from registry.roles import EVERYBODY
from registry.store import Registry
from review.access.people import Person
from review.site import Site
from review.voting.comments import newest_comments
from review.voting.live import live_votes
from review.voting.next_item import VotesReport
from review.voting.reviewers import reviewers

NOBODY_ASKED = "nobody was asked to vote on this version"


def may_follow(person: Person) -> bool:
    """Who decides, and who counts the votes: whoever may submit, where the roles name them. Where
    everybody may, nobody would be blind.
    """
    counts = person.roles.submit != EVERYBODY and person.may("submit")
    return person.decides or counts


def votes_report(site: Site, person: Person, number: int, part: SheetPart | None) -> VotesReport:
    """Raises a 403 for who only votes: who knows the count is not blind any more. Raises
    IncumbentError for a sheet that was erased. With four eyes the submitter sees the sums alone.
    """
    registry = site.registry(person.name)
    known(registry, number)
    if not may_follow(person):
        raise HTTPException(403, "how the votes stand is for whoever may submit or decides")
    asked, live = asked_about(registry, number, part), live_votes(registry, number, part)
    if asked is None:
        raise HTTPException(404, NOBODY_ASKED)
    if live is None:
        raise IncumbentError(gone(asked.detail.sheet))
    found = VotesReport(
        version=number,
        asked_for=asked.detail.votes,
        live=live,
        asked_prompts=len(items_asked(registry, number)) if asked.detail.part == "sealed" else 0,
        left_out=site.params.leaves_out,
    )
    with registry.engine.connect() as connection:
        own = is_submitter(registry, connection, number, asked)
    return with_names(registry, found, asked) if person.decides and not own else found


def with_names(registry: Registry, found: VotesReport, asked: Asked) -> VotesReport:
    """With who voted and what they wrote."""
    votes = read_votes(registry, found.version)
    return found.model_copy(
        update={
            "reviewers": reviewers(votes, asked),
            "comments": newest_comments(registry, votes, asked),
            "named": asked.detail.reviewers is not None,
            "lacking": votes_lacking(votes, asked, open_of(found.version, votes, asked).needed),
        }
    )


def known(registry: Registry, number: int) -> None:
    """Raise a 404 for a number that no version has."""
    try:
        registry.version(number)
    except InputError as error:
        raise HTTPException(404, str(error)) from None

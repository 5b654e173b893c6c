"""Sheets, reviewers and their votes, for tests."""

from collections.abc import Sequence
from copy import copy

from evaluation.preference.ballots.ballot_files import answer_digest
from project.records.adapters import AdapterVersion
from project.records.ballots import Rubric, VotingPair
from project.records.events import Event, ItemShown, VotesAsked
from project.records.record import short
from registry.ballots.casting import Vote, as_shown, cast, show
from registry.ballots.sheets import open_sheet, read_sheet
from registry.ballots.standing import Key
from registry.roles import NO_LIMITS, Roles
from registry.store import Registry
from tests.conftest import SEALED, evidence_of


def voting_pair(
    item: str, challenger: str, champion: str = "base", texts: tuple[str, str] | None = None
) -> VotingPair:
    """A pair whose texts name nobody."""
    left, right = texts or (f"the new answer to {item}", f"the old answer to {item}")
    return VotingPair(
        item=item,
        prompt=f"what about {item}?",
        left=challenger,
        right=champion,
        left_text=left,
        right_text=right,
        left_answer=answer_digest(left),
        right_answer=answer_digest(right),
        cluster=item,
        slices=(f"half={int(item[1:]) % 2}",),
    )


def sheet_of(version: AdapterVersion, items: int) -> list[VotingPair]:
    label = short(version.adapter.files)
    return [voting_pair(f"i{n}", label) for n in range(items)]


def opened(
    registry: Registry, version: AdapterVersion, items: int = 3, votes: int = 2
) -> VotesAsked:
    """A sheet of dev items for a version."""
    pairs = sheet_of(version, items)
    return open_sheet(
        registry, version.number, pairs, part="dev", votes=votes, reason="please"
    ).told(VotesAsked)


def look_at_sealed(registry: Registry, version: AdapterVersion, policy: str = "9" * 64) -> int:
    """The number of the event that counts a look at the sealed items."""
    pins = evidence_of(version.adapter.files, None).pins
    assert pins is not None
    look = registry.count_look(version.number, pins, SEALED, policy=policy, alpha=0.05)
    return look.event


def named(registry: Registry, actor: str, roles: Roles | None = None) -> Registry:
    """The same registry in somebody's name."""
    own = copy(registry)
    own.actor = actor
    own.roles = roles or NO_LIMITS
    return own


def vote_for(
    registry: Registry,
    number: int,
    sheet: str,
    item: str,
    winner: str | None,
    *,
    repeat: int = 0,
    rubric: Rubric | None = None,
) -> Event:
    """See an item in the registry's actor's name, and choose a version, or a tie with None."""
    shown = show(registry, number, sheet, item, repeat=repeat)
    pair = read_sheet(registry.artifacts, sheet).by_item[item]
    told = shown.told(ItemShown)
    seen = as_shown(pair, Key(sheet, item, registry.actor, told.repeat))
    choice = "tie" if winner is None else "left" if seen.left == winner else "right"
    vote = Vote.model_validate({"shown": shown.seq, "choice": choice, "rubric": rubric})
    return cast(registry, number, vote)


def all_vote(
    registry: Registry, number: int, sheet: str, reviewers: Sequence[str], winner: str
) -> None:
    """Everybody chooses one version on every item."""
    for pair in read_sheet(registry.artifacts, sheet).pairs:
        for reviewer in reviewers:
            vote_for(named(registry, reviewer), number, sheet, pair.item, winner)

"""What a person may do about a version now; where it may not be done, why."""

from collections.abc import Iterator

from project.errors import IncumbentError
from project.records.events import DecisionMade
from registry.ballots.sheets import asked_about
from registry.decision_checks import refuse_one_person, winning
from registry.lineage import Lineage
from registry.overview.why_paragraph import day
from registry.roles import Duty
from registry.state import CHAMPION
from registry.storage.database import reading
from registry.store import Registry
from review.challenger.review_record import Action, Offer

DUTY: dict[Action, Duty] = {
    "approve": "promote",
    "reject": "promote",
    "votes": "promote",
    "rollback": "promote",
}


def offers(registry: Registry, lineage: Lineage) -> tuple[Offer, ...]:
    """For the person in whose name the registry is read. The registry asks all of it again."""
    return tuple(offer(registry, lineage, action) for action in DUTY)


def offer(registry: Registry, lineage: Lineage, action: Action) -> Offer:
    why_not = next(doubts(registry, lineage, action), None)
    return Offer(action=action, allowed=why_not is None, why_not=why_not)


def doubts(registry: Registry, lineage: Lineage, action: Action) -> Iterator[str]:
    """Everything that speaks against it, the plainest first."""
    champion = CHAMPION in lineage.aliases
    if action == "rollback":
        yield from doubts_on_rollback(registry, champion, lineage)
    elif champion:
        yield f"{lineage.version.label} is the champion."
    elif lineage.deleted:
        yield f"{lineage.version.label} was deleted."
    elif rejected := registry.newest_event(lineage.version.number, "reject"):
        yield f"{rejected.actor} rejected it on {day(rejected)}."
    elif action == "votes" and asked_about(registry, lineage.version.number) is None:
        yield "Nobody was asked to vote on it yet: `incumbent submit` opens a sheet of its answers."
    try:
        registry.roles.require(DUTY[action], registry.actor)
        if action == "approve":
            refuse_unapprovable(registry, lineage)
    except IncumbentError as error:
        yield f"{error}."


def doubts_on_rollback(registry: Registry, champion: bool, lineage: Lineage) -> Iterator[str]:
    if not champion:
        yield f"{lineage.version.label} is not the champion."
    elif registry.before_champion() is None:
        yield "There is no earlier champion."


def refuse_unapprovable(registry: Registry, lineage: Lineage) -> None:
    """Raise IncumbentError where a promotion would be refused, its bytes and signature aside."""
    version = lineage.version
    with reading(registry.engine) as connection:
        champion = registry.alias_on(connection, CHAMPION)
        decided = registry.newest_on(connection, "decide", version.number)
        made = decided.told(DecisionMade) if decided else None
        winning(registry, connection, version, champion, made)
        refuse_one_person(registry, connection, version, "person")

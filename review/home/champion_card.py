"""Who is champion, since when, and who made it that."""

from typing import Literal

from project.records.adapters import AdapterVersion
from project.records.events import Event, Promotion
from project.records.record import Record
from registry.overview.champion_history import displaced_by
from registry.reader import RegistryReader

How = Literal["person", "policy", "force", "rollback"]
# In words, after "by NAME".
HOW: dict[How, str] = {
    "person": "who looked at it",
    "policy": "as the policy says, without a person's approval",
    "force": "by force, without a verdict",
    "rollback": "by a rollback",
}


class ChampionCard(Record):
    """The champion, and the event by which it became that."""

    version: AdapterVersion
    since: str | None  # RFC 3339, UTC; None: the history does not say
    by: str | None
    how: How | None
    reason: str | None
    displaced: int | None  # the champion before it; None: the bare base

    @property
    def in_words(self) -> str:
        return HOW[self.how] if self.how else "and no event says how: run `incumbent verify`"


def champion_card(reader: RegistryReader) -> ChampionCard | None:
    """None while there was none yet. Raises IncumbentError for a record that was changed."""
    champion = reader.champion()
    if champion is None:
        return None
    gained, _ = reader.tenure(champion.number)
    return ChampionCard(
        version=champion,
        since=gained.at if gained else None,
        by=gained.actor if gained else None,
        how=how_moved(gained) if gained else None,
        reason=gained.reason if gained else None,
        displaced=displaced_by(gained) if gained else None,
    )


def how_moved(move: Event) -> How:
    """By what kind of act a version became champion."""
    match move.detail:
        case Promotion(forced=1):
            return "force"
        case Promotion(by="policy"):
            return "policy"
        case Promotion():
            return "person"
    return "rollback"

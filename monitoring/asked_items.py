"""Which items somebody asked the gateway during a vote, and so may know whose answer is whose."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from monitoring.monitoring_settings import TrafficParams, quarantine_folder
from project.canonical import moment_of
from project.item_prompts import prompt_digest
from project.personal_data import redact
from project.records.ballots import VotingPair
from project.records.events import VotesAsked
from project.records.record import Digest
from project.records.traffic import Traffic
from project.settings import load
from registry.ballots.sheets import read_sheet
from registry.ballots.standing import read_votes
from registry.reader import RegistryReader

if TYPE_CHECKING:
    from monitoring.traffic.traffic_store import TrafficStore


def items_asked(registry: RegistryReader, number: int) -> frozenset[str]:
    """The items of a version's sealed sheet whose prompts are in the traffic log since voting on
    them opened, word for word; letter case and punctuation aside. Dev items are known to everybody.
    """
    votes = read_votes(registry, number)
    asked = votes.newest("sealed")
    if asked is None or not registry.artifacts.blobs.exists(asked.detail.sheet):
        return frozenset()
    sheet = asked.detail.sheet
    since, traffic = opened_at(registry, number, sheet), traffic_here()
    days = [day for day in traffic.days() if since.date() <= day <= registry.clock().date()]
    key = "asked items", sheet, *((day, traffic.stamp(day)) for day in days)
    pairs = read_sheet(registry.artifacts, sheet).pairs
    return votes.once(key, lambda: asked_of(pairs, rows_since(traffic, days, since)))


def asked_of(pairs: Sequence[VotingPair], rows: Iterator[Traffic]) -> frozenset[str]:
    """The items whose prompt is a row's, or its last turn."""
    items: dict[Digest, set[str]] = {}
    for pair in pairs:
        for text in (pair.prompt, redact(pair.prompt)):  # the log may hold it either way
            items.setdefault(prompt_digest(text), set()).add(pair.item)
    asked: set[str] = set()
    for row in rows:
        last = row.prompt if isinstance(row.prompt, str) else row.prompt[-1].content
        for text in {row.prompt_text, last}:
            asked |= items.get(prompt_digest(text), set())
    return frozenset(asked)


def rows_since(traffic: "TrafficStore", days: Sequence[date], since: datetime) -> Iterator[Traffic]:
    for day in days:
        for batch in traffic.read(day):
            yield from (row for row in batch if row.time >= since)


def opened_at(registry: RegistryReader, number: int, sheet: Digest) -> datetime:
    """When people were first asked about a sheet."""
    asked = (e for e in registry.history(number, "ask") if e.told(VotesAsked).sheet == sheet)
    return min(moment_of(event.at) for event in asked)


def traffic_here() -> "TrafficStore":
    # Imported here, for its libraries are of an extra that votes do without.
    from monitoring.traffic.traffic_store import TrafficStore

    params = load(TrafficParams)
    return TrafficStore(params.folder, redact=params.redact, quarantine=quarantine_folder())

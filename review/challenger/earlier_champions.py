"""Who was champion before, and how the champion changed since somebody looked."""

from project.records.adapters import AdapterVersion
from project.records.events import Event
from registry.reader import RegistryReader

SHOWN = 20  # changes of the champion, or earlier champions


def earlier_champions(reader: RegistryReader) -> list[AdapterVersion]:
    """The versions that a rollback may go to, the newest first."""
    champion = reader.champion()
    promoted = {event.version for event in reader.history(kind="promote")}
    numbers = sorted(promoted - {champion.number if champion else 0}, reverse=True)
    there = [number for number in numbers if not reader.deleted(number)]
    return [reader.version(number) for number in there[:SHOWN]]


def moves_since(reader: RegistryReader, champion: int) -> list[Event]:
    """The promotions and rollbacks since a version last became champion; 0: all of them. None where
    it is champion still.
    """
    now = reader.champion()
    if (now.number if now else 0) == champion:
        return []
    moves = sorted(
        (*reader.history(kind="promote"), *reader.history(kind="rollback")),
        key=lambda event: event.seq,
    )
    since = max((event.seq for event in moves if event.version == champion), default=0)
    return [event for event in moves if event.seq > since][-SHOWN:]

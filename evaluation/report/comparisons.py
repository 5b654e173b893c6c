"""Which comparisons on dev can be shown, and the items of one, read once while its files stay."""

from functools import lru_cache
from pathlib import Path

from evaluation.generation.answers import SIDES, answers_of
from evaluation.report.dev_items import DevItems, kept_path, kept_versions, measured
from project.errors import InputError
from project.files import FileState, state_of
from project.paths import ADAPTER, CHAMPION, DIRECTIONS, SCORES, rows_of
from project.records.adapters import Adapter, Opponent
from project.records.data import Split
from project.records.record import Record
from registry.reader import RegistryReader

LAST_RUN = 0  # the number of what the stages left, where nobody submitted it
# What the stages left of a comparison on dev. Sealed items are in other files, which are not read.
LEFT = (
    ADAPTER,
    CHAMPION,
    DIRECTIONS,
    SCORES / f"{Split.DEV}.jsonl",
    SCORES / f"{Split.DEV}.flags.json",
    rows_of(Split.DEV),
    *(answers_of(side, Split.DEV) for side in SIDES),
)


class ComparisonChoice(Record):
    """A comparison that can be shown."""

    number: int  # of the challenger's version; LAST_RUN: of none
    label: str


def choices(registry: RegistryReader) -> list[ComparisonChoice]:
    """Newest first; what the last run left only where it was not kept with a version."""
    kept = kept_versions(registry.family)
    found = [ComparisonChoice(number=n, label=f"{registry.family} v{n}") for n in kept]
    left = left_by_stages(registry)
    if left is None or left in kept:
        return found
    label = f"{registry.family} v{left}" if left else "the last run, not submitted"
    return [ComparisonChoice(number=left, label=label), *found]


def left_by_stages(registry: RegistryReader) -> int | None:
    """The version that the stages' outputs are about; None where there are none."""
    if not all(path.exists() for path in LEFT):
        return None
    try:
        version = registry.version_of(Adapter.read(ADAPTER).files)
    except InputError:  # a run is about to write it anew
        return None
    return version.number if version else LAST_RUN


def items_of(registry: RegistryReader, number: int) -> DevItems:
    """The dev items of one choice. Raises InputError where it is none."""
    path = kept_path(registry.family, number)
    if number != LAST_RUN and path.exists():
        return read_kept(path, state_of(path))
    if left_by_stages(registry) == number:
        return read_left(number or None, state_of(*LEFT))
    problem = f"no dev items are kept of version {number}"
    raise InputError(f"{problem}: `incumbent submit` keeps them of a new version")


@lru_cache(4)
def read_kept(path: Path, state: FileState) -> DevItems:
    return DevItems.kept(path)


@lru_cache(2)
def read_left(version: int | None, state: FileState) -> DevItems:
    return measured(version)


def opponent_label(opponent: Opponent) -> str:
    return f"v{opponent.version} (champion then)" if opponent.version else "bare base"

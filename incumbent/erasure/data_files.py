"""The files that people and gateways keep: which can be cut, and which a person has to mend."""

from collections.abc import Iterator, Sequence, Set
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from curation.sources.documents.read_documents import read_documents
from curation.sources.table_rows import name_of
from curation.splitting.eval_sets import EVAL_SETS
from incumbent.erasure.file_text import text_in
from incumbent.erasure.record_files import Cut, Meant, cut
from incumbent.erasure.traces import CACHE, files_in
from incumbent.erasure.traffic_files import traffic_places
from incumbent.erasure.wanted import Wanted
from project.erasures import ERASED, texts_of
from project.errors import InputError
from project.paths import CURATED, RAW
from project.records.preferences import Preference, PreferencePair, RatedAnswer
from project.settings import PARAMS

DATA = Path("datasets")
OURS = frozenset({RAW.parent.name, CURATED.name})  # below it: what stages made
SETTINGS = "contracts"  # below it: files with comments, and no records of people


def data_files() -> Iterator[Path]:
    """All that is no work of stages, with the traffic, wherever that is, but for the list."""
    places = (DATA, *(place for place in traffic_places() if not place.is_relative_to(DATA)))
    for path in (path for place in places for path in files_in(place)):
        own = path.is_relative_to(DATA) and path.relative_to(DATA).parts[0] in OURS
        if not own and path != ERASED:
            yield path


def has_records(path: Path) -> bool:
    """Whether a person's records may stand in it, one beside the other. Who changed the eval sets,
    and why, is no such record: without it they would be others.
    """
    return path != EVAL_SETS and DATA / SETTINGS not in path.parents


def cuts_of(meant: Meant) -> list[Cut]:
    return [found for path in data_files() if has_records(path) and (found := cut(path, meant))]


def by_hand(wanted: Wanted, cuts: Sequence[Cut], origins: Set[str]) -> Iterator[Path]:
    """Files that still name somebody, or that rows were read from which no record told of; with
    the settings, and what links point to.
    """
    left = {one.path: one.left for one in cuts}
    for path in [*data_files(), PARAMS]:
        read = not left.get(path) and not origins.isdisjoint({name_of(path), path.name})
        if read or wanted.named_in(said_in(path, left.get(path))):
            yield path
    for path in left:
        target = path.resolve()
        if path.is_symlink() and not target.is_relative_to(CACHE.resolve()):
            yield target


def said_in(path: Path, left: bytes | None) -> str:
    """What is left of a file; of a PDF, what its pages show."""
    if path.suffix.lower() != ".pdf":
        return text_in(path.read_bytes() if left is None else left)
    try:
        made = (read.made for read in read_documents(path))
        return "\n".join(text for one in made if one for text in texts_of(one))
    except InputError:
        return ""


def preference_of(record: Any) -> Preference | None:
    """What a line of datasets/preferences or of a queue of bad answers is."""
    for kind in (PreferencePair, RatedAnswer):
        try:
            return kind.model_validate(record)
        except ValidationError:
            continue
    return None

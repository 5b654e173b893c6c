"""Where an import goes: canonical files of its name, and what params.yaml lacks to read them."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.collect import Collected
from curation.curation_settings import CollectParams, CurateParams, FileSource
from curation.sources.table_rows import SOURCES
from project.errors import InputError
from project.files import write_bytes
from project.records.record import Record, read_input
from project.settings import PARAMS, load
from project.yaml_text import with_items

PREFERENCES = Path("datasets/preferences")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")

Item = tuple[tuple[str, ...], Any]  # the keys of a list in params.yaml, and what is to be in it


@dataclass(frozen=True)
class ImportDestination:
    """The files of a name that an import may write."""

    name: str

    @property
    def rows(self) -> Path:
        return SOURCES / f"{self.name}.jsonl"

    @property
    def preferences(self) -> Path:
        return PREFERENCES / f"{self.name}.jsonl"

    @property
    def documents(self) -> Path:
        return SOURCES / f"{self.name}.documents.jsonl"

    @property
    def files(self) -> tuple[Path, ...]:
        return self.rows, self.preferences, self.documents


def destination(name: str | None, files: Sequence[Path]) -> ImportDestination:
    """The destination by its name, or by the first file's. Raises InputError for a bad name."""
    # faq.csv.gz is faq.
    wanted = name or plain_name(files[0].resolve().name.partition(".")[0])
    if not NAME.fullmatch(wanted) or wanted.endswith(".documents"):
        problem = f"{wanted!r} is no name of a file: letters, digits, - _ and . are"
        raise InputError(problem, field="--as")
    chosen = ImportDestination(wanted)
    if chosen.rows.name in load(CurateParams).accepted:
        problem = f"{chosen.rows} holds what somebody accepted: `incumbent data labels` adds to it"
        raise InputError(f"{problem}. Choose another name", field="--as")
    return chosen


def plain_name(name: str) -> str:
    """The name in ASCII letters and digits, Ubersicht for Übersicht; `import` if none is left."""
    bare = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_-]+", "-", bare).strip("-_")[:80] or "import"


@dataclass(frozen=True)
class ImportChange:
    """What an import changes in the project."""

    files: Mapping[Path, bytes]  # those that are to be there, whole
    new_files: tuple[Path, ...]  # of them, those that are not there yet
    settings: tuple[Item, ...]  # what params.yaml lacks

    @classmethod
    def of(cls, files: Mapping[Path, bytes], items: Iterable[Item] = ()) -> "ImportChange":
        """By what the project holds now."""
        new = tuple(path for path, data in files.items() if not holds(path, data))
        return cls(files, new, tuple(lacking(items)))

    def __bool__(self) -> bool:
        return bool(self.new_files or self.settings)


def import_change(
    found: Collected,
    to: ImportDestination,
    *,
    train_only: bool = False,
    licence: str | None = None,
) -> ImportChange:
    """What has to be written for the project to hold what was found.

    Rows for training only are named after their file, by which params.yaml has them. Raises
    InputError for a licence that params.yaml has no place for, or has another one of.
    """
    if licence:
        refuse_unplaced(licence, found, to)
    own = {"source": to.rows.name} if train_only else {}
    records: dict[Path, list[Any]] = {
        to.rows: [row.model_copy(update=own) if own else row for row in found.rows.values()],
        to.preferences: [*found.preferences.values()],
        to.documents: [*found.documents.values()],
    }
    files = {path: as_lines(some) for path, some in records.items() if some}
    return ImportChange.of(files, items_for(files, to, train_only=train_only, licence=licence))


def refuse_unplaced(licence: str, found: Collected, to: ImportDestination) -> None:
    if not (found.rows or found.documents):
        problem = "is kept with rows and documents, and these files hold none"
        raise InputError(problem, field="--licence")
    known = [one for one in load(CollectParams).sources if isinstance(one, FileSource)]
    for source in known:
        if source.path in to.files and source.licence != licence:
            problem = f"{source.path} has licence {source.licence or 'null'} there: change it first"
            raise InputError(problem, file=PARAMS, field="--licence")


def as_lines(records: Iterable[Record]) -> bytes:
    return b"".join(record.canonical() + b"\n" for record in records)


def items_for(
    files: Iterable[Path], to: ImportDestination, *, train_only: bool, licence: str | None
) -> list[Item]:
    """What params.yaml must have for these files to be sources."""
    under = {"licence": licence} if licence else {}
    sources, items = ("curation", "collect", "sources"), list[Item]()
    for path, more in ((to.rows, {}), (to.documents, {"format": "texts"})):
        if path in files:
            items.append((sources, {"kind": "file", "path": str(path), **more, **under}))
    if train_only and to.rows in files:
        items.append((("curation", "curate", "train_only"), to.rows.name))
    return items


def lacking(items: Iterable[Item]) -> list[Item]:
    known = {s.path for s in load(CollectParams).sources if isinstance(s, FileSource)}
    alone = load(CurateParams).train_only
    return [
        (keys, item)
        for keys, item in items
        if (Path(item["path"]) not in known if isinstance(item, dict) else item not in alone)
    ]


def refuse_other_content(new: ImportChange, names: Iterable[Path], *, replace: bool) -> None:
    """Raise InputError where one of these files is another import's, or would be left of one."""
    left = [path for path in names if path not in new.files and path.exists()]
    other = [path for path in new.new_files if path.exists()]
    if (other or left) and not replace:
        problem = "is there already, with other content: choose another name by --as, or --replace"
        raise InputError(f"{problem} it", file=(other or left)[0])
    if left:
        problem = "is of an earlier import under this name, and this one has nothing like it"
        raise InputError(f"{problem}: take it away first, and out of {PARAMS}", file=left[0])


def holds(path: Path, data: bytes) -> bool:
    return path.exists() and read_input(path) == data


def write_change(new: ImportChange) -> None:
    """Write what is new, params.yaml last. Raises InputError where that cannot be added to."""
    settings = with_items(read_input(PARAMS).decode(), new.settings, PARAMS)
    for path in new.new_files:
        write_bytes(path, new.files[path])
    if new.settings:
        write_bytes(PARAMS, settings.encode())

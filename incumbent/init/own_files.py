"""A person's files, taken into the project."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from curation.curation_settings import Format
from curation.sources.documents.read_documents import documents_in
from curation.sources.table_rows import SOURCES
from curation.sources.tables.folder_files import files_of

NO_FORMATS: Mapping[Path, Format] = MappingProxyType({})


def take_in(paths: Sequence[Path], formats: Mapping[Path, Format] = NO_FORMATS) -> list[Path]:
    """Copy files, and of folders the files of data or the documents, to where DVC is to track them.

    Two of one name get two names. A link's file is copied, and what nobody may write can be
    written then.
    """
    found = []
    for path in paths:
        target = free_name(SOURCES / path.name)
        for file in documents_in(path) if formats.get(path) == "documents" else files_of(path):
            copy = target / file.relative_to(path) if path.is_dir() else target
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
        found.append(target)
    return found


def free_name(path: Path) -> Path:
    """The path, or one that is numbered, where nothing is yet."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free

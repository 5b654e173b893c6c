"""What the files of an import are called in what is made of them, and which were not read."""

import re
from collections.abc import Collection, Iterable, Mapping
from itertools import count
from pathlib import Path

from curation.sources.reading import Read
from curation.sources.tables.folder_files import is_seen
from project.records.data import Document, Row

NOUNS = {"documents": "document", "transcripts": "transcript"}


def names_apart(files: Iterable[Path]) -> dict[Path, str]:
    """Of files that are called alike, the names with as many of their folders as tell them apart;
    the others are called by their bare names.
    """
    alike: dict[str, dict[Path, tuple[str, ...]]] = {}
    for file in files:
        alike.setdefault(file.name, {})[file] = (*file.parent.resolve().parts, file.name)
    found: dict[Path, str] = {}
    for same in alike.values():
        every = set(same.values())  # once each: a folder may be named beside a file in it
        deep = next(n for n in count(1) if len({parts[-n:] for parts in every}) == len(every))
        found |= {file: "/".join(parts[-deep:]) for file, parts in same.items() if deep > 1}
    return found


def called(read: Read, file: Path, names: Mapping[Path, str]) -> Read:
    """A record with the name that tells its file apart, where another file is called alike."""
    if file not in names:
        return read
    bare, name = read.origin.file, names[file]
    origin = read.origin.model_copy(update={"file": name})
    made = read.made
    if isinstance(made, Document) and made.source == bare:
        made = Document.of(made.text, source=name)
    elif isinstance(made, Row):
        source = name if made.source == bare else made.source
        group = re.sub(rf"^{re.escape(bare)}(?=:\d+$)", lambda _: name, made.group)
        made = made.model_copy(update={"source": source, "group": group})
    if made is not None:
        origin = origin.model_copy(update={"row": made.id})
    return Read(origin, made)


def files_unread(path: Path, form: str, read: Collection[Path]) -> dict[Path, str]:
    """The files of a folder of which nothing was read, and why. Whole hidden folders are one."""
    if not path.is_dir():
        return {}
    opened = {*read, *(folder for file in read for folder in file.parents)}  # archives too
    noun = NOUNS.get(form, "data")
    found: dict[Path, str] = {}
    for file in sorted(path.rglob("*")):
        inside = file.relative_to(path)
        hidden = next((n for n, part in enumerate(inside.parts) if not is_seen(Path(part))), None)
        if hidden is not None:
            found[path.joinpath(*inside.parts[: hidden + 1])] = "hidden"
        elif file.is_file() and file not in opened:
            found[file] = f"no {noun} by its name"
    return found

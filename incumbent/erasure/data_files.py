"""The files that people and gateways keep: which can be cut, and which a person has to mend."""

import gzip
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from stat import S_IWUSR
from typing import Any

from pydantic import ValidationError

from curation.eval_sets import EVAL_SETS
from curation.sources.documents.read_documents import read_documents
from curation.sources.table_rows import name_of
from curation.sources.tables.csv_table import Broken, OpenQuoteError, find_dialect, read_records
from curation.sources.tables.decoding import decode, marked
from curation.sources.tables.unpacked_file import GZIP, PARQUET
from incumbent.erasure.erasure_request import (
    BROKEN,
    ErasureRequest,
    decoded_line,
    records_of_parquet,
    text_in,
)
from incumbent.erasure.traces import CACHE, files_in, traffic_places
from project.erasures import ERASED, texts_of
from project.errors import InputError
from project.files import write_bytes
from project.paths import CURATED, RAW
from project.records.preferences import Preference, PreferencePair, RatedAnswer
from project.settings import PARAMS

# --- record files ---------------------------------------------------------------------------------

# Records taken out of the files that people keep; what stays of a file keeps its bytes.

LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
Meant = Callable[[Any], bool]  # of a record, as JSON has it


@dataclass(frozen=True)
class Cut:
    """A file without some of its records."""

    path: Path
    records: tuple[Any, ...]  # that go
    left: bytes

    def apply(self) -> None:
        mode = self.path.stat().st_mode
        write_bytes(self.path, self.left)
        self.path.chmod(mode | S_IWUSR)  # a gateway of the same group may go on writing


def cut(path: Path, meant: Meant) -> Cut | None:
    """A file without the records that are meant; None where none can be cut."""
    data = path.read_bytes()
    try:
        gone, left = records_cut(data, path, meant)
    except (InputError, OpenQuoteError, RecursionError, *BROKEN):
        return None
    return Cut(path, tuple(gone), left) if gone else None


Found = tuple[list[Any], bytes]  # the records that go, and what is left of the file


def records_cut(data: bytes, path: Path, meant: Meant) -> Found:
    """The file without the records, packed and encoded as before, or ValueError."""
    if data.startswith(GZIP):
        gone, left = records_cut(gzip.decompress(data), path, meant)
        return gone, gzip.compress(left)
    if data.startswith(PARQUET):
        return cut_parquet(data, meant)
    encoding = marked(data)
    if encoding and encoding != "utf-8":
        gone, left = records_cut(data.decode(encoding).encode(), path, meant)
        return gone, left.decode().encode(encoding)
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    read = FORMATS.get(suffixes[-1] if suffixes else "")
    if read is None:
        raise ValueError("no records")
    return read(data, path, meant)


def cut_json_lines(data: bytes, path: Path, meant: Meant) -> Found:
    """Lines that are no JSON go too, if they tell; but not those of another kind of file."""
    lines = [(line, record_of(line)) for line in data.split(b"\n")]
    if sum(isinstance(record, str) and record != "" for _, record in lines) * 2 > len(lines):
        return cut_json(data, path, meant)
    judged = [(line, record, meant(record)) for line, record in lines]
    gone = [record for _, record, goes in judged if goes]
    return gone, b"\n".join(line for line, _, goes in judged if not goes)


def record_of(line: bytes) -> Any:
    """What a line holds; its text, where that is no JSON."""
    text = decoded_line(line)
    try:
        return json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return text.strip()


def cut_json(data: bytes, path: Path, meant: Meant) -> Found:
    """Cut the lists of objects in it. Raises ValueError where there is none."""
    value = json.loads(data)
    gone = list[Any]()
    for records in holders(value):
        gone += [record for record in records if meant(record)]
        records[:] = [record for record in records if not meant(record)]
    indent = 2 if b"\n" in data.strip() else None
    return gone, json_bytes(value, indent) + b"\n"


def json_bytes(value: Any, indent: int | None) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, indent=indent).encode()
    except UnicodeEncodeError:  # half of a character, which only an escape can write
        return json.dumps(value, indent=indent).encode()


def holders(value: Any) -> Iterator[list[Any]]:
    """The lists of objects that a file may hold its records in; not the lists in a record."""
    if isinstance(value, dict):
        for part in value.values():
            yield from holders(part)
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        yield value


def cut_json_or_lines(data: bytes, path: Path, meant: Meant) -> Found:
    try:
        return cut_json(data, path, meant)
    except json.JSONDecodeError:
        return cut_json_lines(data, path, meant)


def cut_csv(data: bytes, path: Path, meant: Meant) -> Found:
    """By lines: a record goes with all of its own. Raises InputError and OpenQuoteError."""
    ends = LINE.findall(data)
    lines = list(io.StringIO(decode(data, path).text, newline=""))
    if len(ends) != len(lines):
        raise ValueError("lines of the text are not those of the bytes")
    records = list(read_records(lines, find_dialect(lines)))
    starts = [*(number for number, _ in records[1:]), len(lines) + 1]
    gone, drop = [], set[int]()
    for (first, fields), after in list(zip(records, starts, strict=True))[1:]:  # below the header
        known = fields.why if isinstance(fields, Broken) else fields
        if meant(known):
            gone.append(known)
            drop.update(range(first, after))
    return gone, b"".join(line for n, line in enumerate(ends, start=1) if n not in drop)


def cut_parquet(data: bytes, meant: Meant) -> Found:
    # Imported here because few projects have such files.
    import pyarrow as pa
    import pyarrow.parquet as parquet

    records = records_of_parquet(data)
    kept = [not meant(record) for record in records]
    buffer = io.BytesIO()
    parquet.write_table(parquet.read_table(io.BytesIO(data)).filter(pa.array(kept)), buffer)
    gone = [record for record, stays in zip(records, kept, strict=True) if not stays]
    return gone, buffer.getvalue()


FORMATS: dict[str, Callable[[bytes, Path, Meant], Found]] = {
    ".jsonl": cut_json_lines,
    ".ndjson": cut_json_lines,
    ".json": cut_json_or_lines,
    ".csv": cut_csv,
    ".tsv": cut_csv,
}


# --- data files -----------------------------------------------------------------------------------

DATA = Path("datasets")
OURS = frozenset({RAW.parent.name, CURATED.name})  # below it: what stages made
SETTINGS = "contracts"  # below it: files with comments, and no records of people


def data_files() -> Iterator[Path]:
    """All that is no work of stages, with the traffic, wherever that is, but for the list."""
    places = (DATA, *(place for place in traffic_places() if not place.is_relative_to(DATA)))
    for path in (path for place in places for path in files_in(place)):
        by_stage = path.is_relative_to(DATA) and path.relative_to(DATA).parts[0] in OURS
        if not by_stage and path != ERASED:
            yield path


def has_records(path: Path) -> bool:
    """Whether a person's records may stand in it; the reasons for eval sets are none."""
    return path != EVAL_SETS and DATA / SETTINGS not in path.parents


def cuts_of(meant: Meant) -> list[Cut]:
    return [
        file_cut for path in data_files() if has_records(path) and (file_cut := cut(path, meant))
    ]


def by_hand(wanted: ErasureRequest, cuts: Sequence[Cut], origins: Set[str]) -> Iterator[Path]:
    """Files that still name somebody, or that rows were read from without a record."""
    left = {file_cut.path: file_cut.left for file_cut in cuts}
    for path in [*data_files(), PARAMS]:
        read = not left.get(path) and not origins.isdisjoint({name_of(path), path.name})
        if read or wanted.named_in(text_left(path, left.get(path))):
            yield path
    for path in left:
        target = path.resolve()
        if path.is_symlink() and not target.is_relative_to(CACHE.resolve()):
            yield target


def text_left(path: Path, left: bytes | None) -> str:
    """What is left of a file; of a PDF, what its pages show."""
    if path.suffix.lower() != ".pdf":
        return text_in(path.read_bytes() if left is None else left)
    try:
        made = (read.made for read in read_documents(path))
        return "\n".join(text for document in made if document for text in texts_of(document))
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

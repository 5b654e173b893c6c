"""A Parquet file as a table."""

import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.sources.tables.json_values import nulled_note
from curation.sources.tables.table import Table, TableRow, names_listed
from curation.sources.tables.unpacked_file import AGAIN, ENCRYPTED
from project.errors import InputError
from project.untrusted_input import one_line

if TYPE_CHECKING:
    import pyarrow as pa


def read_parquet(data: bytes, path: Path) -> Table:
    """Columns of bytes, such as images, are left out with a note. Raises InputError."""
    stored, names = read_stored(data, path)
    if doubled := [name for name, count in Counter(names).items() if count > 1]:
        raise InputError(
            f"has several columns named {names_listed(doubled)}: rename them", file=path
        )
    kept = [field.name for field in stored.schema if not holds_bytes(field.type)]
    if not kept:
        raise InputError("has no column but of bytes", file=path)
    left_out = [field.name for field in stored.schema if holds_bytes(field.type)]
    notes = [f"columns of bytes are left out: {names_listed(left_out)}"] if left_out else []
    plain = PlainValues()
    columns = [plain.column(stored[name], path, name) for name in kept]
    records = enumerate(zip(*columns, strict=True), start=1)
    rows = (TableRow(n, dict(zip(kept, record, strict=True))) for n, record in records)
    return Table(
        path=path,
        format="parquet",
        columns=tuple(kept),
        rows=tuple(rows),
        notes=(*notes, *nulled_note(plain.nulled)),
    )


def read_stored(data: bytes, path: Path) -> tuple["pa.Table", list[str]]:
    """The columns, and their names. Raises InputError."""
    # Imported here because it takes a while, and most files are of another format.
    import pyarrow as pa
    from pyarrow import parquet

    try:
        opened = parquet.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
        stored = opened.read()
        return stored, stored.column_names  # which may be no UTF-8
    except (pa.ArrowException, OSError, ValueError) as error:
        broken = f"is a broken Parquet file: {AGAIN} ({one_line(error)})"
        is_locked = "decrypt" in str(error).lower()  # columns may be, where the footer is not
        raise InputError(ENCRYPTED if is_locked else broken, file=path) from None


def holds_bytes(kind: "pa.DataType") -> bool:
    """Whether values of a type are bytes, or hold some."""
    import pyarrow as pa  # as in read_stored

    if pa.types.is_dictionary(kind):
        return holds_bytes(kind.value_type)
    inner = [kind.field(place).type for place in range(kind.num_fields)]
    tests = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view)
    is_bytes = pa.types.is_fixed_size_binary(kind) or any(test(kind) for test in tests)
    return is_bytes or any(map(holds_bytes, inner))


class PlainValues:
    """Makes values those that JSON knows; counts what became null."""

    def __init__(self) -> None:
        self.nulled = 0

    def column(self, stored: "pa.ChunkedArray", path: Path, name: str) -> list[Any]:
        import pyarrow as pa  # as in read_stored

        try:
            return [self.plain(value) for value in stored.to_pylist(maps_as_pydicts="strict")]
        except (pa.ArrowException, ValueError, KeyError, OverflowError, RecursionError) as error:
            problem = f"holds a value that cannot be read: {one_line(error)}"
            raise InputError(problem, file=path, field=name) from None

    def plain(self, value: Any) -> Any:
        """Times and decimals become texts, what is nested lists and objects."""
        if value is None or isinstance(value, str | int):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else self.null()
        if isinstance(value, dict):
            return {str(key): self.plain(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.plain(one) for one in value]
        return value.isoformat() if hasattr(value, "isoformat") else str(value)

    def null(self) -> None:
        self.nulled += 1

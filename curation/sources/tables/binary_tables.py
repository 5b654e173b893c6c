"""Excel workbooks (XLSX) and Parquet as tables.

Of a workbook the largest sheet is read, and all that have the same columns.
"""

import io
import math
import warnings
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.sources.tables.csv_table import (
    HOLDS_FORMULA,
    REPEATS_HEADER,
    column_names,
    refuse_values,
)
from curation.sources.tables.json_values import nulled_note
from curation.sources.tables.table import (
    Gathered,
    Table,
    TableRow,
    TextFile,
    names_listed,
    plain_name,
    shortened,
)
from curation.sources.tables.unpacked_file import (
    AGAIN,
    BROKEN,
    ENCRYPTED,
    LONGEST_LINE,
    MIB,
    TOO_LONG,
)
from project.errors import InputError
from project.untrusted_input import one_line

if TYPE_CHECKING:
    import pyarrow as pa
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet

LARGEST_INFLATED = 512 * MIB  # of all parts: its cells take several times as much in memory
FORMULA_MARKS = (b"<f>", b"<f ")
ERRORS = ("#REF!", "#NAME?", "#VALUE!", "#DIV/0!", "#NULL!", "#NUM!")
# What the library stumbles over, beside its own errors, in a file that breaks the format's rules.
STUMBLES = (*BROKEN, AttributeError, LookupError, SyntaxError, TypeError, NotImplementedError)

Rows = list[tuple[int, list[Any]]]  # a sheet's rows that are not blank, with their numbers
Places = frozenset[tuple[int, int]]  # of cells: row and column, from 1


def read_workbook(data: bytes, path: Path, *, skip: bool = False) -> list[Table]:
    """The tables of its sheets; a record's line is its row in the sheet.

    Of a formula the value is read that was saved with it; a record with one that has none is
    unreadable. Sheets whose columns are others are left aside with a note. Raises InputError.
    """
    has_formulas = refuse_bomb(data, path)
    try:
        sheets, formulas = cells_of(data, has_formulas=has_formulas)
    except STUMBLES as error:
        problem = f"is a broken Excel file ({one_line(error)}): open it and save it anew as XLSX"
        raise InputError(problem, file=path) from None
    if not sheets:
        raise InputError(f"is a workbook without a cell: {AGAIN}", file=path)
    # The first row may be a title, which is refused by its place: any may show several columns.
    filled = {n: [sum(map(bool, map(text_of, c))) for _, c in rows] for n, rows in sheets.items()}
    largest = max(sheets, key=lambda name: (max(filled[name]) > 1, len(sheets[name])))
    alike = [name for name in sheets if names_in(sheets[name]) == names_in(sheets[largest])]
    aside = [name for name in sheets if name not in alike]
    notes = [f"read from the sheet {shortened(largest)}; left aside: {names_listed(aside)}"]
    tables: list[Table] = []
    for name in alike:
        where = path / name.replace("/", "-") if len(alike) > 1 else path
        source = TextFile(where, "", tuple(notes if aside and not tables else ()))
        tables.append(
            table_of(sheets[name], formulas.get(name, frozenset()), Gathered(source, skip))
        )
    return tables


def refuse_bomb(data: bytes, path: Path) -> bool:
    """Whether a cell holds a formula. Raises InputError for what inflates to more than is read."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            if (size := sum(part.file_size for part in parts)) > LARGEST_INFLATED:
                problem = f"inflates to {size // MIB:,} MiB, more than is read: split it"
                raise InputError(problem, file=path)
            sheets = [p for p in parts if p.filename.startswith("xl/worksheets/sheet")]
            texts = map(archive.read, sheets)
            return any(mark in text for text in texts for mark in FORMULA_MARKS)
    except (*BROKEN, NotImplementedError) as error:
        problem = f"is a broken Excel file: {AGAIN} ({one_line(error)})"
        raise InputError(problem, file=path) from None


def cells_of(data: bytes, *, has_formulas: bool) -> tuple[dict[str, Rows], Mapping[str, Places]]:
    """The cells of every sheet that has some, and where formulas stand."""
    # Imported here because it takes a while, and most files are of another format.
    from openpyxl import load_workbook

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of styles and the like, which are not read
        values = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        sheets = {sheet.title: rows for sheet in values.worksheets if (rows := rows_of(sheet))}
        if not has_formulas:
            return sheets, {}
        written = load_workbook(io.BytesIO(data), read_only=True)
        formulas = {}
        for sheet in written.worksheets:
            sheet.reset_dimensions()
            cells = (cell for row in sheet.iter_rows() for cell in row if cell.data_type == "f")
            formulas[sheet.title] = frozenset((cell.row, cell.column) for cell in cells)
        return sheets, formulas


def rows_of(sheet: "ReadOnlyWorksheet") -> Rows:
    sheet.reset_dimensions()  # programs write wrong ones
    numbered = enumerate(sheet.iter_rows(values_only=True), start=1)
    return [(number, list(row)) for number, row in numbered if any(map(text_of, row))]


def text_of(value: Any) -> str:
    return "" if value is None else str(value).strip()


def header(rows: Rows) -> list[str]:
    """The names in the first row, without the blank cells behind the last one."""
    texts = list(map(text_of, rows[0][1]))
    while texts and not texts[-1]:
        texts.pop()
    return texts


def names_in(rows: Rows) -> set[str]:
    return set(map(plain_name, filter(None, header(rows))))


def table_of(rows: Rows, formulas: Places, gathered: Gathered) -> Table:
    """Raises InputError."""
    names = column_names(header(rows), rows[0][0], gathered.source)
    for number, cells in rows[1:]:
        padded = [*cells, *[None] * (len(names) - len(cells))]
        nameless = [i for i in range(len(padded)) if i >= len(names) or not names[i]]
        refuse_values([text_of(padded[i]) for i in nameless], number, gathered.source)
        empty = [place for place, name in enumerate(names) if name and padded[place] is None]
        unsaved = [place for place in empty if (number, place + 1) in formulas]
        record = {name: plain(value) for name, value in zip(names, padded, strict=False) if name}
        if unsaved:
            gathered.leave_out(number, HOLDS_FORMULA.format(shortened(names[unsaved[0]])))
        elif why := why_unreadable(record):
            gathered.leave_out(number, why)
        else:
            gathered.add(number, record)
    return gathered.table("xlsx", tuple(filter(None, names)))


def why_unreadable(record: Mapping[str, Any]) -> str | None:
    """That a value could not be worked out, a text is too long, or it is the header again."""
    for name, value in record.items():
        if value in ERRORS:
            return f"holds {value}, the error of a formula, in {shortened(name)}"
        if isinstance(value, str) and len(value) > LONGEST_LINE:
            return TOO_LONG
    repeats_header = all(name == text_of(value) for name, value in record.items())
    return REPEATS_HEADER if len(record) > 1 and repeats_header else None


def plain(value: Any) -> Any:
    """What JSON knows: times become texts, whole numbers lose the point."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return (int(value) if value.is_integer() else value) if math.isfinite(value) else None
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


# --- Parquet --------------------------------------------------------------------------------------


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
            return {str(key): self.plain(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.plain(element) for element in value]
        return value.isoformat() if hasattr(value, "isoformat") else str(value)

    def null(self) -> None:
        self.nulled += 1

"""Names of columns: when two of them are one, and which one of a table is meant."""

import re
import unicodedata
from collections.abc import Sequence

from curation.sources.tables.table import Table
from project.errors import InputError

ACCENTS = re.compile("[\u0300-\u036f]")  # only these: in Hindi or Thai, a mark is a letter's half
# Punctuation, blanks, controls, and what is not seen, such as a byte-order mark.
NO_PART = ("P", "Z", "C")
SHOWN = 30  # names in a message
LONGEST = 60  # characters of a name in a message


def plain_name(name: str) -> str:
    """A name without case, accents, blanks and punctuation: two with one plain name are one.

    A name that is punctuation alone stays what it is.
    """
    bare = ACCENTS.sub("", unicodedata.normalize("NFKD", name).casefold())
    bare = unicodedata.normalize("NFKC", bare)
    return "".join(c for c in bare if not unicodedata.category(c).startswith(NO_PART)) or name


def find_column(table: Table, name: str) -> str:
    """The table's own name for a column: the same name, or else the one with its plain name.

    Raises InputError with the columns there are where none is meant, or more than one.
    """
    if name in table.columns:
        return name
    wanted = plain_name(name)
    found = [column for column in table.columns if plain_name(column) == wanted]
    if len(found) == 1:
        return found[0]
    problem = "no such column" if not found else f"could be any of {listed(found)}"
    there = listed(table.columns) if table.columns else "none"
    raise InputError(f"{problem}; the columns are {there}", file=table.path, field=name)


def listed(names: Sequence[str]) -> str:
    """Names as a message shows them: readable in any script, safe on a terminal, not endless."""
    shown = ", ".join(map(shortened, names[:SHOWN]))
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"


def shortened(name: str) -> str:
    return repr(name if len(name) <= LONGEST else f"{name[:LONGEST]}…")

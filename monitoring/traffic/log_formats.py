"""Which tool wrote a record, told by its shape."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from monitoring.traffic import langfuse, litellm, open_telemetry, own_rows
from monitoring.traffic.chat import Fields


@dataclass(frozen=True)
class LogFormat:
    """A tool's log. Its functions raise UnfitError for what is no request with its answer."""

    name: str
    recognises: Callable[[Fields], bool]
    parts_of: Callable[[Fields], list[Fields]]  # each of which should be a row
    row_of: Callable[[Fields], Fields]  # with the fields of traffic
    fields: tuple[str, ...]  # of a record, that are looked at


LOG_FORMATS = tuple(
    LogFormat(one.NAME, one.recognises, one.parts_of, one.row_of, one.FIELDS)
    for one in (open_telemetry, litellm, langfuse, own_rows)
)
FIELDS = frozenset(name for one in LOG_FORMATS for name in one.fields)


def recognised(data: bytes) -> tuple[LogFormat, Fields] | None:
    """Whose record a line is, and the record; None where no tool is known to write such ones."""
    try:
        record = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    found = next((one for one in LOG_FORMATS if one.recognises(record)), None)
    return (found, record) if found else None

"""The file of waivers: read, and added to without a change of what its authors wrote."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from textwrap import indent
from typing import Any

from curation.checks.waivers import ALL, Waiver, Waivers
from curation.checks.yaml_list import added, block
from project.errors import InputError
from project.files import write_bytes
from project.records.record import read_input
from project.settings import line_of, parse, read_settings

WAIVERS = Path("datasets/contracts/waivers.yaml")


def read_waivers() -> Waivers:
    """What the file says; without a file, nothing. Raises InputError naming line and field."""
    return read_settings(Waivers, WAIVERS) if WAIVERS.exists() else Waivers()


def refuse_unknown_checks(waivers: Waivers, known: Iterable[str]) -> None:
    """Raise InputError for a waiver of a check that the contract does not have."""
    names = list(known)
    for number, waiver in enumerate(waivers.waivers):
        if waiver.check not in names:
            steps = ["waivers", str(number), "check"]
            raise InputError(
                f"the contract has no check {waiver.check!r}; it has {', '.join(names)}",
                file=WAIVERS,
                line=line_of(parse(WAIVERS), steps)[0],
                field=".".join(steps),
            )


def add_waiver(waiver: Waiver) -> None:
    """Write a waiver into the file. Raises InputError where that cannot be done, and no change."""
    fields = waiver.model_dump() | {"rows": list(waiver.rows) or ALL}
    add([(["waivers"], fields)])


def add_contacts(contacts: Mapping[str, Iterable[str]]) -> None:
    """Write the `phones`, `emails` and `domains` that are not there yet; raises as add_waiver."""
    there = read_waivers().ours.model_dump()
    add(
        [
            (["ours", kind], one)
            for kind, given in contacts.items()
            for one in dict.fromkeys(given)
            if one not in there[kind]
        ]
    )


def add(items: Iterable[tuple[Sequence[str], Any]]) -> None:
    read_waivers()  # what is wrong with the file is told with its line
    text = read_input(WAIVERS).decode() if WAIVERS.exists() else ""
    for keys, item in items:
        new = added(text, keys, item)
        if new is None:
            lines = indent(block(keys, item), "  ")
            problem = f"is written so that nothing can be added to it: add by hand\n{lines}"
            raise InputError(problem, file=WAIVERS)
        text = new
    write_bytes(WAIVERS, text.encode())

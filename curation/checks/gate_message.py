"""What the gate says of a check that fails: what was found, in which rows, and what can be done."""

import tomllib
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from shlex import quote
from textwrap import fill
from typing import NamedTuple

from project.personal_data import Kind
from project.records.data import Check, counted
from project.records.record import Record

WIDTH = 80
SHOWN = 5  # row ids
NAMED = 2  # row ids in a command; of more it takes all that fail
SAFE = frozenset(" '-_.,:;()=%/")  # with letters and digits: what double quotes hold in any shell


def failure(check: Check, today: date, until: date) -> str:
    """A block of lines on a check that fails today, and how to waive it until a day."""
    head = f"{check.name} ({check.severity}): {check.crashed or check.observed}"
    return "\n".join([wrapped(head), *details(check, today), *remedies(check, today, until)])


def details(check: Check, today: date) -> Iterator[str]:
    yield wrapped(f"  limit: {check.limit}")
    if rows := check.unexcused(today):
        more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
        left = f" {'is' if len(rows) == 1 else 'are'} not waived" if check.waived else ""
        yield wrapped(f"  {counted(len(rows), 'row')}{left}: {', '.join(rows[:SHOWN])}{more}")
    for waived in check.expired(today):
        expired = f"the waiver of {waived.by} ({waived.extent}) expired on {waived.until}"
        yield wrapped(f"  {expired}")


def remedies(check: Check, today: date, until: date) -> Iterator[str]:
    """The commands that let a check pass; none for one that broke, since it was not made."""
    if check.crashed:
        yield wrapped("  the check itself broke: mend the contract")
        return
    if commands := allow_commands(check):
        yield wrapped("  if they are your organisation's own, they are no personal data:")
        yield from (f"    {command}" for command in commands)
    yield wrapped("  if they may stay as they are for a time, by your name:")
    yield from broken(waive_command(check, until.isoformat(), check.unexcused(today)))


def allow_commands(check: Check) -> list[str]:
    """The commands that name an organisation's own contacts, of the kinds that a check found."""
    if check.column not in ("contact_data", "personal_data"):
        return []
    options = {"--phone": Kind.PHONE, "--email": Kind.EMAIL, "--domain": Kind.EMAIL}
    flags = (option for option, kind in options.items() if kind in check.observed)
    return [f'incumbent data allow {option} "…"' for option in flags]


def waive_command(check: Check, until: str, rows: Sequence[str]) -> list[str]:
    """The command, in parts, that excuses rows of a check; of many, all that fail now."""
    which = [] if check.failing_rows else ["--all"]
    if 0 < len(rows) <= NAMED and not any("," in row for row in rows):
        which = [f"--rows {quote(','.join(rows))}"]
    return [
        f"incumbent data waive {quoted(check.name)}",
        *which,
        f"--until {until}",
        '--reason "…"',
    ]


def quoted(text: str) -> str:
    return f'"{text}"' if all(c.isalnum() or c in SAFE for c in text) else quote(text)


def broken(command: Sequence[str]) -> Iterator[str]:
    """A command on as many lines as the width asks for, as a shell reads them."""
    line = f"    {command[0]}"
    for part in command[1:]:
        if len(f"{line} {part} \\") > WIDTH:
            yield f"{line} \\"
            line = "     "
        line = f"{line} {part}"
    yield line


def wrapped(text: str) -> str:
    """A paragraph of at most the width, but for words that are longer, its further lines set in."""
    inner = " " * (len(text) - len(text.lstrip()) + 2)
    return fill(
        text, WIDTH, subsequent_indent=inner, break_long_words=False, break_on_hyphens=False
    )


# --- examples -------------------------------------------------------------------------------------


class FailingExample(Record):
    """A failing row; its texts are shortened, and None where they may be private."""

    id: str
    source: str
    part: str
    size: str
    wrong: str | None
    prompt: str | None
    completion: str | None


class FailingExamples(Record):
    """What the gate's page shows beside the report."""

    contract: str  # its name
    of: dict[str, tuple[FailingExample, ...]]  # by the name of a check that does not pass


# --- advice ---------------------------------------------------------------------------------------

# What a column is looked at for, and what to do with rows that fail: words for the gate's page.

WORDS = Path(__file__).with_name("advice.toml")


MEND = "Mend the rows in their source."


class Advice(NamedTuple):
    why: str
    todo: str = MEND


NO_ADVICE = Advice("The contract asks for it.")


def advice_on(column: str | None) -> Advice:
    told = tomllib.loads(WORDS.read_text("utf-8"))["advice"]
    advice = next((entry for entry in told if column in entry["columns"]), None)
    return Advice(advice["why"], advice.get("todo", MEND)) if advice else NO_ADVICE

"""The refusal of an export that leaves several readings, with the commands that name one each."""

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from curation.curation_settings import ExportFields
from project.errors import InputError

COMMAND = "incumbent data import"


class OptionsMissingError(InputError):
    """All that has to be named before an export can be read, and what to type.

    `readings` are the ways to read it, each with all of its names filled in as far as the file
    tells them; words in capitals stand for what it does not tell.
    """

    def __init__(
        self,
        missing: Sequence[str],
        readings: Sequence[ExportFields],
        path: Path,
        commands: Sequence[str] = (),
    ) -> None:
        self.missing, self.readings, self.path = missing, readings, path
        typed = commands or [
            shlex.join([*COMMAND.split(), str(path), *arguments_of(fields)]) for fields in readings
        ]
        several = ["several names are missing:", *(f"  {one}" for one in missing)]
        head = "type" if len(set(typed)) == 1 else "type one of"
        lines = [*(several if len(missing) > 1 else missing), *([head] if typed else [])]
        super().__init__(
            "\n".join([*lines, *(f"  {one}" for one in dict.fromkeys(typed))]), file=path
        )


def arguments_of(fields: ExportFields) -> list[str]:
    """The options of `incumbent data import` that say this."""
    named = [
        ("--control", fields.control),
        *(("--prompt", name) for name in fields.prompt),
        ("--completion", fields.completion),
        *(("--answer", f"{choice}={field}") for choice, field in fields.answers.items()),
        *(("--good", word) for word in fields.good),
        *(("--bad", word) for word in fields.bad),
        ("--options", fields.options),
        ("--instruction", fields.instruction),
        ("--system", fields.system),
        *(("--slice", name) for name in fields.slices),
    ]
    return in_pairs(named)


def in_pairs(named: Iterable[tuple[str, str | None]]) -> list[str]:
    return [word for option, value in named if value is not None for word in (option, value)]

"""The refusal of an export that leaves several readings, with the commands that name one each."""

import shlex
from collections.abc import Iterable, Sequence
from math import inf
from pathlib import Path

import yaml

from curation.curation_settings import ExportFields
from curation.sources.table_rows import SOURCES
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
        typed = commands or [typed_for(fields, path) for fields in readings]
        several = ["several names are missing:", *(f"  {one}" for one in missing)]
        lines = several if len(missing) > 1 else list(missing)
        if typed:
            where = "" if commands or not is_source(path) else " below this source in params.yaml"
            lines.append(f"type{' one of' if len(set(typed)) > 1 else ''}{where}")
        lines += [f"  {one}" for one in dict.fromkeys(typed)]
        super().__init__("\n".join(lines), file=path)


def is_source(path: Path) -> bool:
    """Whether it lies in a project, where settings say how it is read."""
    return path.is_relative_to(SOURCES)


def typed_for(fields: ExportFields, path: Path) -> str:
    """The settings of a source, or the command for a file of anybody's."""
    if is_source(path):
        export = {"export": fields.model_dump(mode="json", exclude_defaults=True)}
        return yaml.safe_dump(export, default_flow_style=True, width=inf, sort_keys=False).strip()[
            1:-1
        ]
    return shlex.join([*COMMAND.split(), str(path), *arguments_of(fields)])


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

"""The options of an import, and what of them means something for which files."""

import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

from curation.curation_settings import Columns, ExportFields, Format
from curation.sources.chats.chat_shapes import RoleNames
from curation.sources.chats.turns import Role, Turns
from curation.sources.exports.export_records import SourceFile
from curation.sources.exports.good_or_bad import COMMAND, arguments_of, in_pairs
from curation.sources.source_file import EXPORTS, TRAFFIC
from curation.sources.table_rows import NamedColumns
from project.errors import InputError

FORMATS = (*get_args(Format), TRAFFIC)


@dataclass(frozen=True)
class ImportOptions(NamedColumns):
    """How files are to be read: what is what in tables and exports, and how the files are. None and
    empty is for what is told by the files themselves.

    Raises InputError for a format that there is not.
    """

    turns: Turns = "last"
    format: str | None = None
    roles: RoleNames = field(default_factory=dict)
    control: str | None = None
    answers: Mapping[str, str] = field(default_factory=dict)  # by what people choose
    good: tuple[str, ...] = ()
    bad: tuple[str, ...] = ()
    options: Literal["classes", "answers"] | None = None
    encoding: str | None = None
    skip: bool = False  # what is no record is left out and counted
    redact: bool = False

    def __post_init__(self) -> None:
        if self.format is not None and self.format not in FORMATS:
            problem = f"there is no format {self.format!r}; there are {', '.join(FORMATS)}"
            raise InputError(problem, field="--format")

    @property
    def export(self) -> ExportFields:
        """The options for exports of annotation tools."""
        given = {name: getattr(self, name) for name in ExportFields.model_fields}
        return ExportFields(**given | {"slices": self.slices or ()})

    @property
    def of_transcripts(self) -> Columns:
        return Columns(
            messages="transcript",
            turns=self.turns,
            instruction=self.instruction,
            system=self.system,
        )

    def file(self, path: Path, form: str, names: Mapping[Path, str]) -> SourceFile:
        """`names` are those of files by which they are called in what is made of them."""
        return SourceFile(
            path,
            form,
            columns=self.of_transcripts if form == "transcripts" else None,
            export=self.export,
            skip=self.skip,
            encoding=self.encoding,
            roles=self.roles,
            names=names,
        )

    def with_export(self, fields: ExportFields) -> "ImportOptions":
        """The same with other names of what is what in an export."""
        given = {name: getattr(fields, name) for name in ExportFields.model_fields}
        return replace(self, **given | {"slices": fields.slices or self.slices})

    def idle_for(self, formats: Collection[str]) -> list[str]:
        """The options that were given and mean nothing for files of these formats."""
        idle = [] if "table" in formats else ["messages", "group"]
        if EXPORTS.keys().isdisjoint(formats):
            idle += ["control", "answer", "good", "bad", "options"]
        given = {"answer": self.answers}
        return [f"--{name}" for name in idle if given.get(name) or getattr(self, name, None)]

    def command(self, files: Sequence[Path], *more: str) -> str:
        """What to type for an import of the files with these options, and with more."""
        named = [
            ("--format", self.format),
            ("--messages", self.messages),
            ("--turns", self.turns if self.turns != "last" else None),
            *(("--role", f"{name}={role}") for name, role in self.roles.items()),
            ("--tools", self.tools if self.tools != "refuse" else None),
            ("--group", self.group),
            ("--encoding", self.encoding),
        ]
        flags = {"--skip-unreadable": self.skip, "--redact": self.redact}
        words = [*in_pairs(named), *(flag for flag, is_set in flags.items() if is_set), *more]
        return shlex.join([*COMMAND.split(), *map(str, files), *arguments_of(self.export), *words])


def role_names(texts: Iterable[str]) -> dict[str, Role]:
    """The role of each name. Raises InputError for what is no NAME=ROLE."""
    roles: dict[str, Role] = {role: role for role in get_args(Role)}
    found: dict[str, Role] = {}
    for text in texts:
        name, word = pair(text, "--role", "NAME=ROLE, with system, user or assistant")
        if word.casefold() not in roles:
            raise InputError(f"{word!r} is none of {', '.join(roles)}", field="--role")
        found[name.strip().casefold()] = roles[word.casefold()]
    return found


def pair(text: str, option: str, form: str) -> tuple[str, str]:
    name, is_there, value = text.partition("=")
    if not (name and is_there and value):
        raise InputError(f"{text!r} is no {form}", field=option)
    return name, value

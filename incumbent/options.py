"""Options that several verbs have, and what an interruption of a verb says."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

LARGEST = 2**31 - 1  # that every database has a number for
GO_ON = "interrupted: what is made is kept; run it again to go on"


def version_number(text: str) -> int:
    """A version as people and tables name it, `3` or `v3`."""
    digits = str(text).removeprefix("v")
    if digits.isascii() and digits.isdigit() and 1 <= (number := int(digits)) <= LARGEST:
        return number
    raise typer.BadParameter(f"{text!r} is no version such as 3 or v3")


def calendar_day(text: str) -> date:
    """A day as people type it."""
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day such as 2026-11-30") from None


def day_option(help_: str) -> Any:
    return typer.Option(parser=calendar_day, metavar="YYYY-MM-DD", help=help_)


def version_numbers(incomplete: str) -> list[str]:
    """The versions of the project here, for a shell that completes; none where there is none."""
    with suppress(Exception):  # a shell asks, and shows no error
        from registry.reader import RegistryReader

        with RegistryReader.here() as registry:
            numbers = [str(version.number) for version in registry.versions()]
        mark = incomplete[:1] if incomplete.startswith("v") else ""
        return [f"{mark}{number}" for number in numbers if f"{mark}{number}".startswith(incomplete)]
    return []


def version_option(help_: str) -> Any:
    return typer.Option(parser=version_number, autocompletion=version_numbers, help=help_)


VersionNumber = Annotated[
    int,
    typer.Argument(
        parser=version_number, autocompletion=version_numbers, help="A version, as 3 or v3."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
ExitVerdict = Annotated[
    bool,
    typer.Option("--exit-verdict", help="Exit with 0 for PROMOTE, 10 for HOLD, 11 for REJECT."),
]
Promote = Annotated[
    bool, typer.Option("--promote", help="Make it the champion if the verdict is PROMOTE.")
]
Reason = Annotated[str, typer.Option(help="Why; it is kept in the history.")]

# How rows are read out of files.
PromptColumns = Annotated[
    list[str] | None, typer.Option(help="The column with the questions; several are joined.")
]
CompletionColumn = Annotated[str | None, typer.Option(help="The column with the answers.")]
MessagesColumn = Annotated[str | None, typer.Option(help="The column with conversations.")]
Turns = Annotated[
    Literal["last", "every"], typer.Option(help="Which answers of a conversation are rows.")
]
Tools = Annotated[
    Literal["keep", "text", "refuse"],
    typer.Option(help="Calls of tools in conversations: keep them, as texts, or leave those out."),
]
Instruction = Annotated[str | None, typer.Option(help="A text before every question.")]
SystemPrompt = Annotated[str | None, typer.Option(help="The system prompt.")]
SliceColumns = Annotated[
    list[str] | None, typer.Option("--slice", help="A column to report scores by.")
]
GroupColumn = Annotated[
    str | None, typer.Option(help="A column: rows with the same value are never split apart.")
]
EvidenceColumns = Annotated[
    list[str] | None,
    typer.Option("--evidence", help="A column with passages on which the answer stands."),
]
AnswerableColumn = Annotated[
    str | None, typer.Option(help="A column: whether these passages hold an answer.")
]
Encoding = Annotated[
    str | None, typer.Option(help="The encoding of the files, if their bytes do not tell it.")
]
Licence = Annotated[
    str | None, typer.Option(help="The licence of the files, as SPDX names it: CC-BY-4.0.")
]
SkipUnreadable = Annotated[
    bool, typer.Option("--skip-unreadable", help="Leave out what is no record, and count it.")
]
FromVendor = Annotated[
    Literal["openai", "together", "fireworks", "databricks"] | None,
    typer.Option(
        help="Whose files of fine-tuning they are: what the old model learnt is never an item."
    ),
]
Validation = Annotated[
    list[Path] | None,
    typer.Option(help="With --from-vendor: a file that the old model was not trained on."),
]


@contextmanager
def saying_what_stays(words: str) -> Iterator[None]:
    """Say in a line what an interruption leaves, and end as it would."""
    try:
        yield
    except KeyboardInterrupt as stop:
        typer.echo(words, err=True)
        raise typer.Exit(getattr(stop, "exit_code", 130)) from None

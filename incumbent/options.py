"""Options that several verbs have."""

from typing import Annotated, Literal

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
ExitVerdict = Annotated[
    bool,
    typer.Option("--exit-verdict", help="Exit with 0 for PROMOTE, 10 for HOLD, 11 for REJECT."),
]
LARGEST = 2**31 - 1  # that every database has a number for
VersionNumber = Annotated[int, typer.Argument(min=1, max=LARGEST, help="The version's number.")]
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
Instruction = Annotated[str | None, typer.Option(help="A text before every question.")]
SystemPrompt = Annotated[str | None, typer.Option(help="The system prompt.")]
SliceColumns = Annotated[
    list[str] | None, typer.Option("--slice", help="A column to report scores by.")
]
GroupColumn = Annotated[
    str | None, typer.Option(help="A column: rows with the same value are never split apart.")
]
Encoding = Annotated[str | None, typer.Option(help="Of the files, where their bytes do not tell.")]
SkipUnreadable = Annotated[
    bool, typer.Option("--skip-unreadable", help="Leave out and count what is no record.")
]

"""Options that several verbs have."""

from typing import Annotated

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

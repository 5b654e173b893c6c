"""The `incumbent` command. A verb imports what it needs when it runs, so that --help is quick."""

import sys
from typing import Annotated

import typer

from registry.errors import IncumbentError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="An adapter holds the seat only while it wins.",
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Number = Annotated[int, typer.Argument(min=1, help="The version's number.")]
Reason = Annotated[str, typer.Option(help="Why; it stands in the history.")]


@app.command()
def status(json: Json = False) -> None:
    """Where things stand: champion, newest challenger, openings of the exam."""
    from incumbent.status import print_status

    print_status(json)


@app.command()
def doctor(json: Json = False) -> None:
    """What this machine can do, and what it lacks."""
    from incumbent.doctor import print_diagnosis

    print_diagnosis(json)


@app.command()
def submit(
    promote: Annotated[
        bool, typer.Option("--promote", help="Give it the seat if the verdict is PROMOTE.")
    ] = False,
    reason: Reason = "pipeline run",
    json: Json = False,
    exit_verdict: Annotated[
        bool, typer.Option(help="Exit with 0 for PROMOTE, 10 for HOLD, 11 for REJECT.")
    ] = False,
) -> None:
    """Register the pipeline's challenger and decide on its evidence."""
    from incumbent.submit import submit_challenger

    code = submit_challenger(promote=promote, reason=reason, as_json=json)
    raise typer.Exit(code if exit_verdict else 0)


@app.command()
def versions(json: Json = False) -> None:
    """List the family's versions, with their verdicts."""
    from incumbent.versions import print_versions

    print_versions(json)


@app.command()
def show(number: Number, json: Json = False) -> None:
    """Show one version: its lineage, its evidence and the decision on it."""
    from incumbent.versions import print_version

    print_version(number, json)


@app.command()
def promote(number: Number, reason: Reason = "promoted by hand") -> None:
    """Give the seat to a version whose decision says PROMOTE."""
    from incumbent.seat import promote_version

    promote_version(number, reason)


@app.command()
def rollback(
    to: Annotated[
        int | None, typer.Option(min=1, help="An earlier champion; the one before if left out.")
    ] = None,
    reason: Reason = "rolled back by hand",
) -> None:
    """Give the seat back to an earlier champion."""
    from incumbent.seat import roll_back

    roll_back(to, reason)


@app.command()
def history(json: Json = False) -> None:
    """Everything that happened to the family, oldest first."""
    from incumbent.history import print_history

    print_history(json)


def main() -> None:
    """Run a command; a known error becomes one line on stderr and its exit code."""
    try:
        app()
    except IncumbentError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)

"""A project beyond one run here: brought to this version, kept in an archive, a version made again,
its run on another machine.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer

from incumbent.options import Json, VersionNumber


@contextmanager
def interrupted(words: str) -> Iterator[None]:
    """Say in a line what an interruption leaves."""
    try:
        yield
    except KeyboardInterrupt as stop:
        typer.echo(words, err=True)
        raise typer.Exit(getattr(stop, "exit_code", 130)) from None


def upgrade(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Take every step unasked.")] = False,
) -> None:
    """Bring a project that an older Incumbent made to this one, step by step."""
    from incumbent.verbs.upgrade import upgrade_project

    upgrade_project(dry_run=dry_run, yes=yes)


def backup(
    to: Annotated[
        str, typer.Option(help="The archive: a file, or a URL such as s3://…, not there yet.")
    ],
    without_damaged: Annotated[
        bool,
        typer.Option(
            "--without-damaged", help="Leave out artifacts that are damaged or missing, by name."
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Write the registry and its artifacts, as they are at one instant, to one archive."""
    from incumbent.verbs.backup import back_up

    with interrupted("interrupted: no archive is written; run it again"):
        back_up(to, without_damaged=without_damaged, as_json=json)


def restore(
    archive: Annotated[str, typer.Argument(help="What `incumbent backup` wrote: a file or a URL.")],
    json: Json = False,
) -> None:
    """Bring an archive's registry and artifacts to where params.yaml says, if nothing is there."""
    from incumbent.verbs.backup import restore as bring_back

    with interrupted("interrupted: all is restored or nothing; `incumbent status` says which"):
        bring_back(archive, as_json=json)


def reproduce(
    number: VersionNumber,
    keep: Annotated[
        Path | None, typer.Option(help="A new folder to do it in, and to keep; else it goes.")
    ] = None,
    json: Json = False,
) -> None:
    """Train a version again from its commit, and say whether the adapter has the same bytes."""
    from incumbent.verbs.reproduce import reproduce_version

    reproduce_version(number, keep, as_json=json)


def launch(
    cloud: Annotated[
        Literal["aws", "gcp", "azure", "runpod", "vast", "kubernetes"] | None,
        typer.Option(help="The cheapest that SkyPilot has access to, if left out."),
    ] = None,
    gpus: Annotated[
        str | None,
        typer.Option(metavar="KIND:COUNT", help="Such as H100:4; a machine without, if left out."),
    ] = None,
    spot: Annotated[
        bool,
        typer.Option("--spot", help="A machine that may be lost; another one goes on for it."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the task as YAML, and rent nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Rent unasked.")] = False,
    json: Json = False,
) -> None:
    """Run the newest commit on a rented machine of any cloud, into the same registry."""
    from incumbent.launching.rendering import Machine
    from incumbent.verbs.launch import launch as run

    run(Machine(cloud, gpus, spot), dry_run=dry_run, yes=yes, as_json=json)

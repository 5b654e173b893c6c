"""`registry alias`, `delete`, `gc`: what a name stands for, and what may go."""

from typing import Annotated

import typer

from incumbent.options import Json, Reason, VersionNumber, version_option
from incumbent.output import console, print_json
from registry.garbage import collect
from registry.store import Registry


def point_alias(
    name: Annotated[str, typer.Argument(help="A name such as staging, but not champion.")],
    to: Annotated[int | None, version_option("A version; nothing if left out.")] = None,
    expect: Annotated[int | None, version_option("What it names now; nothing if left out.")] = None,
    reason: Reason = "moved by hand",
) -> None:
    """Point an alias at a version, if it still names what you expect."""
    with Registry.here() as registry:
        registry.point(name, to, reason, expected=expect)
    console.print(f"{name} names v{to}" if to else f"{name} names nothing")


def delete_version(number: VersionNumber, reason: Reason) -> None:
    """Delete a version that no alias names; a tombstone keeps its record and lineage."""
    with Registry.here() as registry:
        version = registry.delete(number, reason)
    console.print(
        f"{version.label} is deleted; its record stays, and `incumbent registry gc` frees its files"
    )


def collect_garbage(
    delete: Annotated[bool, typer.Option("--delete", help="Delete them; else list them.")] = False,
    as_json: Json = False,
) -> None:
    """Find artifacts that no version and no event names any more."""
    with Registry.here() as registry:
        garbage = collect(registry, dry_run=not delete)
    if as_json:
        print_json({"deleted": delete, "artifacts": garbage})
    elif delete:
        console.print(f"{len(garbage)} artifacts deleted")
    else:
        console.print(f"{len(garbage)} artifacts that nothing names; --delete deletes them")

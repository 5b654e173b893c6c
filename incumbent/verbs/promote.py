"""`promote`, `rollback`, `reject`: who is champion, by a person's hand."""

from typing import Annotated

import typer

from incumbent.mirroring.mirror import mirror
from incumbent.options import Reason, VersionNumber, version_option
from incumbent.output import console
from project.errors import InputError
from registry.fits_base import refuse_misfit
from registry.store import Registry


def promote_version(
    number: VersionNumber,
    reason: Annotated[str | None, typer.Option(help="Why; it is kept in the history.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Without a verdict; needs a reason, marked for ever.")
    ] = False,
) -> None:
    """Make a version the champion, if its decision says PROMOTE."""
    if force and not reason:
        raise InputError("a forced promotion needs a --reason: it is marked for ever")
    with Registry.here() as registry:
        before = registry.champion()
        version = registry.promote(number, reason or "promoted by hand", force=force)
    marked = ", by force and marked so" if force else ""
    console.print(f"{version.label} is the champion{marked}")
    mirror(number, before.number if before else None)


def roll_back(
    to: Annotated[
        int | None, version_option("An earlier champion; the one before if left out.")
    ] = None,
    reason: Reason = "rolled back by hand",
) -> None:
    """Make an earlier version champion again."""
    with Registry.here() as registry:
        champion, target = registry.champion(), to or registry.before_champion()
        expected = champion.number if champion else None
        note = None
        if target and not registry.deleted(target):
            note = refuse_misfit(registry.version(target), registry.artifacts)
        version = registry.rollback(reason, to, expected=expected)
    console.print(f"{version.label} is the champion again")
    if note:
        console.print(note, soft_wrap=True)
    mirror(version.number, expected)


def reject_version(number: VersionNumber, reason: Reason) -> None:
    """Say no to a version, whatever its verdict: it cannot be promoted any more."""
    with Registry.here() as registry:
        version = registry.reject(number, reason)
    console.print(f"{version.label} is rejected")
    mirror(number)

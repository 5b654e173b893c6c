"""`incumbent promote`, `rollback`, and in `registry` withdraw, reject, alias, delete, gc and
adopt-looks: what a person's hand changes.
"""

from typing import Annotated

import typer

from incumbent.mirroring.mirror import mirror
from incumbent.options import Json, Reason, VersionNumber, version_option
from incumbent.output import console, print_json, say
from project.errors import InputError
from project.records.data import counted
from registry.adapter_import.adapter_folder import refuse_misfit
from registry.alpha_ledger.look_bytes import LOOKS
from registry.garbage import collect
from registry.store import Registry

# --- promote --------------------------------------------------------------------------------------


def promote_version(
    number: VersionNumber,
    reason: Annotated[str | None, typer.Option(help="Why; it is kept in the history.")] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Promote without a verdict; needs a reason, and stays marked for ever."
        ),
    ] = False,
) -> None:
    """Make a version the champion, if its decision says PROMOTE.

    $ incumbent promote v3 --reason "the owner agreed"
    """
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
    """Make an earlier version champion again.

    $ incumbent rollback --to v2
    """
    with Registry.here() as registry:
        champion, target = registry.champion(), to or registry.before_champion()
        expected = champion.number if champion else None
        note = None
        if target and not registry.deleted(target):
            note = refuse_misfit(registry.version(target), registry.artifacts)
        version = registry.rollback(reason, to, expected=expected)
    console.print(f"{version.label} is the champion again")
    if note:
        say(note)
    mirror(version.number, expected)


def withdraw_champion(number: VersionNumber, reason: Reason) -> None:
    """Take the champion out: the bare base is in its place until a version beats it.

    $ incumbent registry withdraw v3 --reason "it invents figures"
    """
    with Registry.here() as registry:
        version = registry.withdraw(number, reason)
    say(
        f"{version.label} is no longer the champion: the bare base is in its place, and gateways "
        f"refuse requests until a version is promoted. `incumbent rollback --to {number}` brings "
        "it back"
    )
    mirror(number)


def reject_version(number: VersionNumber, reason: Reason) -> None:
    """Say no to a version, whatever its verdict: it cannot be promoted any more.

    $ incumbent registry reject v4 --reason "it invents figures"
    """
    with Registry.here() as registry:
        version = registry.reject(number, reason)
    console.print(f"{version.label} is rejected")
    mirror(number)


# --- aliases --------------------------------------------------------------------------------------


def point_alias(
    name: Annotated[str, typer.Argument(help="A name such as staging, but not champion.")],
    to: Annotated[int | None, version_option("A version; nothing if left out.")] = None,
    expect: Annotated[int | None, version_option("What it names now; nothing if left out.")] = None,
    reason: Reason = "moved by hand",
) -> None:
    """Point an alias at a version, if it still names what you expect.

    $ incumbent registry alias staging --to v3
    """
    with Registry.here() as registry:
        registry.point(name, to, reason, expected=expect)
    console.print(f"{name} names v{to}" if to else f"{name} names nothing")


def delete_version(number: VersionNumber, reason: Reason) -> None:
    """Delete a version that no alias names; a tombstone keeps its record and lineage.

    $ incumbent registry delete v2 --reason "a trial"
    """
    with Registry.here() as registry:
        version = registry.delete(number, reason)
    console.print(
        f"{version.label} is deleted; its record stays, and `incumbent registry gc` frees its files"
    )


def collect_garbage(
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete them; without it, they are only listed.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Find artifacts that no version and no event names any more.

    $ incumbent registry gc
    """
    with Registry.here() as registry:
        garbage = collect(registry, dry_run=not delete)
    if as_json:
        print_json({"deleted": delete, "artifacts": garbage})
    elif delete:
        console.print(f"{len(garbage)} artifacts deleted")
    else:
        console.print(f"{len(garbage)} artifacts that nothing names; --delete deletes them")


# --- adopt looks ----------------------------------------------------------------------------------


def adopt(reason: Reason) -> None:
    """Count looks at this project's sealed items that another registry took, or a lost one.

    $ incumbent registry adopt-looks --reason "the old registry was lost"
    """
    with Registry.here() as registry:
        found = registry.looks_elsewhere()
        registry.adopt_looks(found, reason)
    looks = counted(len(found), "look")
    say(f"adopted from {LOOKS} and its history in git: {looks}")

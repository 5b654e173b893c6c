"""`incumbent promote`, `rollback`, `reject`: who is champion, by a person's hand."""

from incumbent.mirroring.mirror import mirror
from incumbent.output import console
from project.errors import InputError
from registry.fits_base import refuse_misfit
from registry.store import Registry


def promote_version(number: int, reason: str | None, *, force: bool) -> None:
    if force and not reason:
        raise InputError("a forced promotion needs a --reason: it is marked for ever")
    with Registry.here() as registry:
        before = registry.champion()
        version = registry.promote(number, reason or "promoted by hand", force=force)
    marked = ", by force and marked so" if force else ""
    console.print(f"{version.label} is the champion{marked}")
    mirror(number, before.number if before else None)


def roll_back(to: int | None, reason: str) -> None:
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


def reject_version(number: int, reason: str) -> None:
    with Registry.here() as registry:
        version = registry.reject(number, reason)
    console.print(f"{version.label} is rejected")
    mirror(number)

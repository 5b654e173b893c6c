"""`incumbent promote`, `rollback`, `reject`, `alias`, `delete`, `gc`: what moves, and what goes."""

from incumbent.output import console, print_json
from project.errors import InputError
from registry.garbage import collect
from registry.store import Registry


def promote_version(number: int, reason: str | None, *, force: bool) -> None:
    if force and not reason:
        raise InputError("a forced promotion needs a --reason: it is marked for ever")
    with Registry.here() as registry:
        version = registry.promote(number, reason or "promoted by hand", force=force)
    marked = ", by force and marked so" if force else ""
    console.print(f"{version.label} is the champion{marked}")


def roll_back(to: int | None, reason: str) -> None:
    with Registry.here() as registry:
        champion = registry.champion()
        seat = champion.number if champion else None
        version = registry.rollback(reason, to, expected=seat)
    console.print(f"{version.label} is the champion again")


def reject_version(number: int, reason: str) -> None:
    with Registry.here() as registry:
        version = registry.reject(number, reason)
    console.print(f"{version.label} is rejected")


def point_alias(name: str, number: int | None, expected: int | None, reason: str) -> None:
    with Registry.here() as registry:
        registry.point(name, number, reason, expected=expected)
    console.print(f"{name} names v{number}" if number else f"{name} names nothing")


def delete_version(number: int, reason: str) -> None:
    with Registry.here() as registry:
        version = registry.delete(number, reason)
    console.print(
        f"{version.label} is deleted; its record stays, and `incumbent gc` frees its files"
    )


def collect_garbage(*, delete: bool, as_json: bool) -> None:
    with Registry.here() as registry:
        garbage = collect(registry, dry_run=not delete)
    if as_json:
        print_json({"deleted": delete, "artifacts": garbage})
    elif delete:
        console.print(f"{len(garbage)} artifacts deleted")
    else:
        console.print(f"{len(garbage)} artifacts that nothing names; --delete deletes them")

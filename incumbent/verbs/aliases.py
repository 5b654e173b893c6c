"""`incumbent alias`, `delete`, `gc`: what a name stands for, and what may go."""

from incumbent.output import console, print_json
from registry.garbage import collect
from registry.store import Registry


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

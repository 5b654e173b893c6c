"""A step as people read it: what changes, line by line."""

from collections.abc import Collection, Iterator, Sequence
from difflib import unified_diff

from rich.text import Text

from incumbent.upgrading.step import EDITED, ByHand, Change, ProjectFiles, UpgradeStep

COLOURS = {"+": "green", "-": "red", "@": "dim"}


def step_lines(step: UpgradeStep, number: int) -> Iterator[Text]:
    yield Text(f"\nstep {number}: {step.title}", "bold")
    yield Text(step.reason)


def file_change_lines(project: ProjectFiles, change: Change) -> Iterator[Text]:
    """Files that are edited as a difference; new ones by name and size."""
    for name, data in change.items():
        if name in EDITED:
            yield from difference(name, project.text(name), data.decode())
        else:
            yield Text(f"new file {name}, {size(data)}", "green")


def by_hand_lines(step: ByHand) -> Iterator[Text]:
    for name, here, today in step.shown:
        yield from difference(name, here, today)
    yield Text("by hand:")
    yield from (Text(f"  {line}") for line in step.todo)


def difference(name: str, before: str, after: str) -> Iterator[Text]:
    lines = before.splitlines(), after.splitlines()
    for line in unified_diff(*lines, name, name, lineterm="", n=2):
        yield Text(line, COLOURS.get(line[0], ""))


def size(data: bytes) -> str:
    return f"{len(data) / 1000:.1f} kB" if data else "empty"


def next_step_lines(
    before: ProjectFiles, changed: Sequence[str], lost: Collection[str]
) -> Iterator[Text]:
    """What was changed, how it is undone, and what comes next.

    Git would bring back something else for the files that are lost, or nothing.
    """
    if not changed:
        yield Text("nothing was changed")
        return
    old = [name for name in changed if name in before.texts]
    new = [name for name in changed if name not in before.texts]
    kept, gone = [n for n in old if n not in lost], [n for n in old if n in lost]
    undo = [f"git checkout -- {' '.join(kept)}"] if kept else []
    undo += [f"rm {' '.join(new)}"] if new else []
    count = [f"{len(new)} new files"] if new else []
    yield Text(f"changed: {', '.join([*old, *count])}")
    if undo:
        yield Text(f"undo:    {' && '.join(undo)}")
    if gone:
        yield Text(f"no undo: {', '.join(gone)}: git has no commit of what was there")
    yield Text(
        "next:    git commit, incumbent run; verdicts stay as they are: incumbent registry verify"
    )

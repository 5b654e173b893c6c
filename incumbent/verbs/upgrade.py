"""`incumbent project upgrade` and `settings`: a project's files brought to this version, and
every setting there is.
"""

import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Annotated

import typer
from rich.text import Text

from incumbent.output import console, print_table, say
from incumbent.pipeline import project_version
from incumbent.upgrade_steps import (
    EDITED,
    ByHand,
    ProjectFiles,
    UpgradeStep,
    by_hand_lines,
    file_change_lines,
    next_step_lines,
    read_project,
    step_lines,
    steps_from,
    uncommitted,
    write,
)
from project.errors import IncumbentError, InputError
from project.settings import PARAMS, SECTIONS, VERSION, Settings, model_of

# --- upgrade --------------------------------------------------------------------------------------


@dataclass
class UpgradeProgress:
    """How far an upgrade is."""

    project: ProjectFiles
    lost: list[str]  # files that git could not bring back
    shown: int = 0  # steps
    changed: list[str] = field(default_factory=list)  # files, in the order of their steps
    refused: list[UpgradeStep] = field(default_factory=list)
    by_hand: list[UpgradeStep] = field(default_factory=list)

    @property
    def left(self) -> list[UpgradeStep]:
        return [*self.refused, *self.by_hand]


def upgrade_project(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Take every step without asking.")
    ] = False,
) -> None:
    """Bring a project that an older Incumbent made to this one, step by step.

    Raises InputError where nobody can be asked, IncumbentError where a step is left that only a
    person can take.

    $ incumbent project upgrade --dry-run
    """
    project, version = read_project(), project_version()
    assert version is not None, "both files are there"
    if version == VERSION:
        console.print(f"nothing to do: this project is of version {VERSION}")
        return
    ask = not (dry_run or yes)
    if ask and not sys.stdin.isatty():
        raise InputError("nobody can be asked here: --dry-run shows the steps, --yes takes all")
    console.print(f"this project is of version {version}; this Incumbent makes version {VERSION}")
    progress = UpgradeProgress(project, uncommitted(EDITED))
    try:
        if ask and progress.lost:
            agree_to(progress.lost)
        for step in steps_from(version):
            take(step, progress, ask=ask, dry_run=dry_run)
    except (KeyboardInterrupt, typer.Abort):
        typer.echo("\ninterrupted: the steps taken so far stay; run it again to go on", err=True)
        raise typer.Exit(130) from None
    finish(project, progress, dry_run=dry_run)


def agree_to(lost: Iterable[str]) -> None:
    """Ask before files change that git could not bring back. Raises Exit after a no."""
    say(Text(f"{', '.join(lost)}: no commit has this as it is, so git could not undo it"))
    if not typer.confirm("Go on?", default=False):
        raise typer.Exit(InputError.exit_code)


def take(step: UpgradeStep, progress: UpgradeProgress, *, ask: bool, dry_run: bool) -> None:
    """Show a step if there is something to do, and take it if it is wanted."""
    try:
        change = step.change(progress.project)
    except ByHand as hand:
        say(*head(step, progress), *by_hand_lines(hand))
        progress.by_hand.append(step)
        return
    if not change:
        return
    say(*head(step, progress))
    if missing := [one.title for one in step.needs if one in progress.left]:
        say(Text(f"not offered: it needs what was left out: {', '.join(missing)}"))
        progress.refused.append(step)
        return
    say(*file_change_lines(progress.project, change))
    if ask and not typer.confirm("Take this step?", default=False):
        progress.refused.append(step)
        return
    if not dry_run:
        write(change)
    progress.changed += [name for name in change if name not in progress.changed]
    progress.project = progress.project.changed(change)


def head(step: UpgradeStep, progress: UpgradeProgress) -> Iterable[Text]:
    progress.shown += 1
    return step_lines(step, progress.shown)


def finish(before: ProjectFiles, progress: UpgradeProgress, *, dry_run: bool) -> None:
    console.print()
    if dry_run:
        console.print("nothing was changed: this was a dry run")
        return
    say(*next_step_lines(before, progress.changed, progress.lost))
    if progress.by_hand:
        titles = ", ".join(step.title for step in progress.by_hand)
        problem = f"left for you: {titles}; then `incumbent project upgrade` once more"
        raise IncumbentError(problem)
    if progress.refused:
        titles = ", ".join(step.title for step in progress.refused)
        say(f"left:    {titles}; `incumbent project upgrade` offers it again")


# --- print settings -------------------------------------------------------------------------------

SHOWN = re.compile(r"\n    (@\w|def )")  # where a model's checks begin, behind its fields


def section_names(incomplete: str) -> list[str]:
    return [name for name in SECTIONS if name.startswith(incomplete)]


def print_settings(
    section: Annotated[
        str | None,
        typer.Argument(
            autocompletion=section_names, help="Such as curation.curate; all sections if left out."
        ),
    ] = None,
) -> None:
    """Print every key of params.yaml, with its default and what it is for.

    $ incumbent project settings training
    """
    if section is None:
        told = ((name, (model_of(name).__doc__ or "").splitlines()[0]) for name in SECTIONS)
        print_table(("section", "what it sets"), told)
        console.print("\none of them with its keys: incumbent project settings SECTION")
        return
    names = [name for name in SECTIONS if name == section or name.startswith(f"{section}.")]
    if not names:
        known = ", ".join(SECTIONS)
        raise InputError(f"{PARAMS} has no section {section!r}; it has {known}")
    for name in names:
        console.print(f"# {name}", style="bold")
        for model in with_parts(model_of(name)):
            say(fields_of(model))


def with_parts(model: type[Settings]) -> Iterator[type[Settings]]:
    """A model, and those that its fields are made of; what it inherits from comes first."""
    yield from (b for b in reversed(model.__mro__[1:]) if own_settings(b))
    yield model
    for info in model.model_fields.values():
        for part in parts_of(info.annotation):
            yield from with_parts(part)


def own_settings(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Settings) and kind is not Settings


def parts_of(annotation: object) -> Iterator[type[Settings]]:
    """The models that stand in a type, at any depth."""
    if isinstance(annotation, type) and own_settings(annotation):
        yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from parts_of(inner)


def fields_of(model: type[Settings]) -> str:
    """The declaration without its checks."""
    return SHOWN.split(inspect.getsource(model))[0].rstrip() + "\n"

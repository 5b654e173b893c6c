"""`incumbent project upgrade` and `settings`: a project's files brought to this version, and
every setting there is.
"""

import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.text import Text

from incumbent.output import console, difference_lines, print_table, say
from incumbent.pipeline import project_version
from project.child_processes import GitError, git
from project.errors import IncumbentError, InputError
from project.files import write_bytes
from project.settings import (
    KEY,
    PARAMS,
    PIPELINE_KEY,
    SECTIONS,
    VERSION,
    Settings,
    model_of,
    parse,
    pipeline_version,
    variable,
)
from project.yaml_text import with_value, written

# --- upgrade --------------------------------------------------------------------------------------

SETTINGS, PIPELINE = "params.yaml", "dvc.yaml"
EDITED = (SETTINGS, PIPELINE, ".gitignore")  # whose texts steps read and change
CRLF = "\r\n"

Texts = Mapping[str, str]  # of files, by their names; line ends are newlines


class ByHand(Exception):  # noqa: N818 - no error: it says what a person has to do
    """A step that only a person can take: its lines say what is to be done."""


@dataclass(frozen=True)
class UpgradeStep:
    to: int  # the version of projects that it leads to
    title: str
    reason: str  # in a sentence
    change: Callable[[Texts], Texts]  # pure: the files that change, whole; raises ByHand


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
    texts, version = read_project(), project_version()
    assert version is not None, "both files are there"
    if version == VERSION:
        console.print(f"nothing to do: this project is of version {VERSION}")
        return
    ask = not (dry_run or yes)
    if ask and not sys.stdin.isatty():
        raise InputError("nobody can be asked here: --dry-run shows the steps, --yes takes all")
    console.print(f"this project is of version {version}; this Incumbent makes version {VERSION}")
    lost, changed = uncommitted(EDITED), dict[str, str]()
    try:
        if ask and lost:
            agree_to(lost)
        for number, step in enumerate(steps_from(version), start=1):
            change = shown_change(step, number, {**texts, **changed})
            if change and ask and not typer.confirm("Take this step?", default=False):
                tell_changes(changed, lost)
                say(f"left:    {step.title}; `incumbent project upgrade` offers it again")
                return
            if not dry_run:
                write(change)
            changed |= change
    except (KeyboardInterrupt, typer.Abort):
        typer.echo("\ninterrupted: the steps taken so far stay; run it again to go on", err=True)
        raise typer.Exit(130) from None
    except ByHand:
        if not dry_run:
            tell_changes(changed, lost)
            problem = f"left for you: {step.title}; then `incumbent project upgrade` once more"
            raise IncumbentError(problem) from None
    if dry_run:
        console.print("\nnothing was changed: this was a dry run")
    else:
        tell_changes(changed, lost)


def agree_to(lost: Iterable[str]) -> None:
    """Ask before files change that git could not bring back. Raises Exit after a no."""
    say(Text(f"{', '.join(lost)}: no commit has this as it is, so git could not undo it"))
    if not typer.confirm("Go on?", default=False):
        raise typer.Exit(InputError.exit_code)


def shown_change(step: UpgradeStep, number: int, texts: Texts) -> Texts:
    """Show a step if there is something to do, line by line. Raises ByHand, which is shown too."""
    lines = [Text(f"\nstep {number}: {step.title}", "bold"), Text(step.reason)]
    try:
        change = step.change(texts)
    except ByHand as hand:
        say(*lines, "by hand:", *(f"  {line}" for line in hand.args))
        raise
    for name, text in change.items():
        lines += difference_lines(name, texts.get(name, ""), text)
    say(*(lines if change else ()))
    return change


def tell_changes(changed: Iterable[str], lost: Iterable[str]) -> None:
    """What was changed, how git undoes it, but for files that are lost, and what comes next."""
    names, gone = list(changed), [name for name in changed if name in lost]
    console.print()
    if not names:
        say("nothing was changed")
        return
    say(f"changed: {', '.join(names)}")
    if kept := [name for name in names if name not in gone]:
        say(f"undo:    git checkout -- {' '.join(kept)}")
    if gone:
        say(f"no undo: {', '.join(gone)}: git has no commit of what was there")
    say("next:    git commit, incumbent run; verdicts stay as they are: incumbent registry verify")


# --- steps ----------------------------------------------------------------------------------------

# In their order; the last one writes the version. A step stays for ever. None yet: version 2 is the
# first that was released.
STEPS: tuple[UpgradeStep, ...] = ()

HINT = "of this project's files: `incumbent project upgrade` brings older ones here"
LINE = f"{KEY}: {VERSION} # {HINT}\n"
ENTRY = f"- {PIPELINE_KEY}: {VERSION}"


def steps_from(version: int) -> list[UpgradeStep]:
    """The steps that lead on from a version. The version itself is written when all were taken."""
    reason = "All is as this Incumbent makes it, and the project says so."
    last = UpgradeStep(VERSION, f"version {VERSION}", reason, write_version)
    return [*(step for step in STEPS if step.to > version), last]


def write_version(texts: Texts) -> Texts:
    """Into params.yaml and dvc.yaml."""
    versions = {SETTINGS: in_settings(texts[SETTINGS]), PIPELINE: in_pipeline(texts[PIPELINE])}
    return {name: text for name, text in versions.items() if text != texts[name]}


def checked(text: str, wanted: dict[str, Any]) -> str:
    """The text of an edited params.yaml. Raises ByHand where the edit did not work."""
    try:
        if yaml.safe_load(text) == wanted:
            return text
    except yaml.YAMLError:
        pass
    told = (f"{name}: {written(value)}" for name, value in wanted.items())
    first = f"{SETTINGS}: cannot be edited by a program. Write it so that it says:"
    raise ByHand(first, *told)


def in_settings(text: str) -> str:
    """In the old one's place, or as the first key, below the comment that the file begins with."""
    root, settings = yaml.compose(text, Loader=yaml.SafeLoader), yaml.safe_load(text) or {}
    wanted = settings | {KEY: VERSION}
    if KEY in settings or not isinstance(root, yaml.MappingNode) or root.flow_style:
        return checked(with_value(text, [KEY], VERSION), wanted)
    place = root.start_mark.index
    return checked(f"{text[:place]}{LINE}\n{text[place:]}", wanted)


def in_pipeline(text: str) -> str:
    """In the old one's place, or as the first of the file's variables."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode), "it was read as one"
    if node := variable(root, PIPELINE_KEY):
        new = text[: node.start_mark.index] + str(VERSION) + text[node.end_mark.index :]
    else:
        new = with_entry(text, root)
    if pipeline_version(yaml.compose(new, Loader=yaml.SafeLoader), Path(PIPELINE)) != VERSION:
        raise ByHand(f"{PIPELINE}: write `{ENTRY}` into its list `vars`")
    return new


def with_entry(text: str, root: yaml.MappingNode) -> str:
    listed = next((value for key, value in root.value if key.value == "vars"), None)
    if listed is None:
        place = root.start_mark.index
        return f"{text[:place]}vars:\n  {ENTRY}\n\n{text[place:]}"
    place = listed.start_mark.index  # of the first dash, or of the bracket
    if listed.flow_style:
        return f"{text[: place + 1]}{{{PIPELINE_KEY}: {VERSION}}}, {text[place + 1 :]}"
    return f"{text[:place]}{ENTRY}\n{' ' * listed.start_mark.column}{text[place:]}"


# --- project files --------------------------------------------------------------------------------


def read_project() -> Texts:
    """The files of the project here that steps look at. Raises InputError where there is none."""
    for name in (SETTINGS, PIPELINE):
        if not Path(name).is_file():
            problem = "is not here: `incumbent project upgrade` runs in the folder of a project"
            raise InputError(problem, file=name)
    for name, keys in ((SETTINGS, "sections"), (PIPELINE, "stages")):
        root = parse(Path(name))
        if root and not isinstance(root, yaml.MappingNode):
            raise InputError(f"must hold {keys}", file=name, line=root.start_mark.line + 1)
        if not root and name == PIPELINE:
            raise InputError("is empty: it must hold stages", file=name)
    return {name: read_text(name).replace(CRLF, "\n") for name in EDITED if Path(name).exists()}


def read_text(name: str) -> str:
    try:
        return Path(name).read_bytes().decode()
    except UnicodeDecodeError as error:
        raise InputError(f"is no UTF-8: {error}", file=name) from None


def write(change: Texts) -> None:
    """Each file whole, with the line ends and the mode that it had; a link to one stays a link."""
    for name, text in change.items():
        file = Path(name).resolve()
        windows = file.exists() and CRLF in read_text(name)
        mode = file.stat().st_mode & 0o777 if file.exists() else 0o644
        write_bytes(file, (text.replace("\n", CRLF) if windows else text).encode(), mode)


def uncommitted(names: Iterable[str]) -> list[str]:
    """Those of some files with changes that no commit has; all of them where there is no git."""
    return [name for name in names if Path(name).exists() and not committed(name)]


def committed(name: str) -> bool:
    try:
        git("ls-files", "--error-unmatch", name)
        git("diff", "--quiet", "HEAD", "--", name)
    except (GitError, InputError):
        return False
    return True


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

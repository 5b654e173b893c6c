"""The steps of an upgrade in their order: what each changes and why; files before and after."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import unified_diff
from pathlib import Path
from typing import Any

import yaml
from rich.text import Text

from project.child_processes import GitError, git
from project.errors import InputError
from project.files import write_bytes
from project.settings import KEY, PIPELINE_KEY, VERSION, parse, pipeline_version, variable
from project.yaml_text import with_value, written

SETTINGS = "params.yaml"
PIPELINE = "dvc.yaml"
IGNORED = ".gitignore"
EDITED = (SETTINGS, PIPELINE, IGNORED)  # whose texts steps read and change

Change = Mapping[str, bytes]  # files, by their path in the project, as they are to be


@dataclass(frozen=True)
class ProjectFiles:
    """A project's files as far as steps look at them; line ends are newlines."""

    texts: Mapping[str, str]  # of those of EDITED that are there
    there: frozenset[str]  # all files below datasets/

    def text(self, name: str) -> str:
        return self.texts.get(name, "")

    def changed(self, change: Change) -> "ProjectFiles":
        """The project's files as they are after a step."""
        texts = {name: data.decode() for name, data in change.items() if name in EDITED}
        return replace(self, texts={**self.texts, **texts}, there=self.there | change.keys())


class ByHand(Exception):  # noqa: N818 - no error: it says what a person has to do
    """A step that only a person can take: what is to be done, and texts that show it."""

    def __init__(self, todo: Iterable[str], shown: Iterable[tuple[str, str, str]] = ()) -> None:
        super().__init__(*todo)
        self.todo = tuple(todo)
        self.shown = tuple(shown)  # each a name, the text as it is, and as Incumbent has it


@dataclass(frozen=True)
class UpgradeStep:
    to: int  # the version of projects that it leads to
    title: str
    reason: str  # in a sentence
    change: Callable[[ProjectFiles], Change]  # pure; nothing where nothing is to do; raises ByHand
    needs: tuple[
        "UpgradeStep", ...
    ] = ()  # without which it would leave a project that does not run


def checked(text: str, wanted: dict[str, Any]) -> bytes:
    """The bytes of an edited params.yaml. Raises ByHand where the edit did not work."""
    try:
        if yaml.safe_load(text) == wanted:
            return text.encode()
    except yaml.YAMLError:
        pass
    told = (f"{name}: {written(value)}" for name, value in wanted.items())
    lines = ["cannot be edited by a program. Write it so that it says:", *told]
    raise ByHand([f"{SETTINGS}: {lines[0]}", *lines[1:]])


# --- step text ------------------------------------------------------------------------------------

# A step as people read it: what changes, line by line.

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
    """What was changed, how git undoes it, but for files that are lost, and what comes next."""
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


# --- project files text ---------------------------------------------------------------------------

# A project's files, read for the steps and written after each.

CRLF = "\r\n"


def read_project() -> ProjectFiles:
    """The project of the current folder. Raises InputError where there is none."""
    for name in (SETTINGS, PIPELINE):
        if not Path(name).is_file():
            problem = "is not here: `incumbent project upgrade` runs in the folder of a project"
            raise InputError(problem, file=name)
    refuse_other_than_keys()
    # A link is there too: what lies behind it may be another project's as well.
    found = Path("datasets").rglob("*")
    files = [path for path in found if path.is_file() or path.is_symlink()]
    return ProjectFiles(
        texts={name: read_text(name).replace(CRLF, "\n") for name in EDITED if Path(name).exists()},
        there=frozenset(path.as_posix() for path in files),
    )


def refuse_other_than_keys() -> None:
    for name, keys in ((SETTINGS, "sections"), (PIPELINE, "stages")):
        root = parse(Path(name))
        if root and not isinstance(root, yaml.MappingNode):
            raise InputError(f"must hold {keys}", file=name, line=root.start_mark.line + 1)
        if not root and name == PIPELINE:
            raise InputError("is empty: it must hold stages", file=name)


def read_text(name: str) -> str:
    try:
        return Path(name).read_bytes().decode()
    except UnicodeDecodeError as error:
        raise InputError(f"is no UTF-8: {error}", file=name) from None


def write(change: Change) -> None:
    """Each file whole, with the line ends and the mode that it had; a link to one stays a link."""
    for name, data in change.items():
        file = Path(name).resolve()
        windows = name in EDITED and file.exists() and CRLF in read_text(name)
        mode = file.stat().st_mode & 0o777 if file.exists() else 0o644
        write_bytes(file, data.replace(b"\n", CRLF.encode()) if windows else data, mode)


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


# --- every step -----------------------------------------------------------------------------------

# All steps of an upgrade, in their order; the last one writes the version.

# None yet: version 2 is the first that was released. A step stays for ever.
STEPS: tuple[UpgradeStep, ...] = ()

HINT = "of this project's files: `incumbent project upgrade` brings older ones here"
LINE = f"{KEY}: {VERSION} # {HINT}\n"
ENTRY = f"- {PIPELINE_KEY}: {VERSION}"


def steps_from(version: int) -> list[UpgradeStep]:
    """The steps that lead on from a version. The version itself is written when all were taken."""
    steps = [step for step in STEPS if step.to > version]
    written = UpgradeStep(
        to=VERSION,
        title=f"version {VERSION}",
        reason="All is as this Incumbent makes it, and the project says so.",
        change=write_version,
        needs=tuple(steps),
    )
    return [*steps, written]


def write_version(project: ProjectFiles) -> Change:
    """Into params.yaml and dvc.yaml."""
    found = {SETTINGS: in_settings(project.text(SETTINGS))}
    found[PIPELINE] = in_pipeline(project.text(PIPELINE))
    return {name: data for name, data in found.items() if data.decode() != project.text(name)}


def in_settings(text: str) -> bytes:
    """In the old one's place, or as the first key, below the comment that the file begins with."""
    root, said = yaml.compose(text, Loader=yaml.SafeLoader), yaml.safe_load(text) or {}
    wanted = said | {KEY: VERSION}
    if KEY in said or not isinstance(root, yaml.MappingNode) or root.flow_style:
        return checked(with_value(text, [KEY], VERSION), wanted)
    place = root.start_mark.index
    return checked(f"{text[:place]}{LINE}\n{text[place:]}", wanted)


def in_pipeline(text: str) -> bytes:
    """In the old one's place, or as the first of the file's variables."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode), "it was read as one"
    if found := variable(root, PIPELINE_KEY):
        new = text[: found.start_mark.index] + str(VERSION) + text[found.end_mark.index :]
    else:
        new = with_entry(text, root)
    if pipeline_version(yaml.compose(new, Loader=yaml.SafeLoader), Path(PIPELINE)) != VERSION:
        raise ByHand([f"{PIPELINE}: write `{ENTRY}` into its list `vars`"])
    return new.encode()


def with_entry(text: str, root: yaml.MappingNode) -> str:
    listed = next((value for key, value in root.value if key.value == "vars"), None)
    if listed is None:
        place = root.start_mark.index
        return f"{text[:place]}vars:\n  {ENTRY}\n\n{text[place:]}"
    place = listed.start_mark.index  # of the first dash, or of the bracket
    if listed.flow_style:
        return f"{text[: place + 1]}{{{PIPELINE_KEY}: {VERSION}}}, {text[place + 1 :]}"
    return f"{text[:place]}{ENTRY}\n{' ' * listed.start_mark.column}{text[place:]}"

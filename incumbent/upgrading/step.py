"""A step of an upgrade: what it changes, and why."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import yaml

from project.yaml_text import written

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
        """As it is after a step."""
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
    """The bytes of an edited params.yaml. Raises ByHand where it does not say what is wanted: an
    anchor, perhaps.
    """
    try:
        if yaml.safe_load(text) == wanted:
            return text.encode()
    except yaml.YAMLError:
        pass
    told = (f"{name}: {written(value)}" for name, value in wanted.items())
    lines = ["cannot be edited by a program. Write it so that it says:", *told]
    raise ByHand([f"{SETTINGS}: {lines[0]}", *lines[1:]])

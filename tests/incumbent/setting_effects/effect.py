"""What shows that a key of params.yaml changes something: two values of it, and an output."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from project.errors import InputError

Output = Callable[[], object]  # made in the current folder, under its params.yaml; no paths in it
Models = Literal["words", "tiny"]
REFUSED = "refused: "  # begins what there is to see of an error


@dataclass(frozen=True)
class Effect:
    """Two values of a key. All else being equal, they must make different outputs.

    Where the output is a dict, `shown` is the name in it that must differ.
    """

    values: tuple[Any, Any]
    output: Output
    shown: str | None = None
    beside: Mapping[str, Any] = field(default_factory=dict)  # other keys, that it takes
    at: str | None = None  # the key that the values are of, where they are of one above
    refused: bool = False  # whether the first value ends in an error that says what is wrong
    models: Models | None = None  # those that lie in models/; tiny ones compute, and are slow

    def params(self, key: str, value: object) -> str:
        """A params.yaml with the value, and what it takes beside."""
        made: dict[str, Any] = {}
        for name, other in {**self.beside, self.at or key: value}.items():
            put(made, name, deepcopy(other))
        return yaml.safe_dump(made)

    def seen(self) -> object:
        """What is there to see in the current folder."""
        try:
            found = self.output()
        except InputError as error:
            if not self.refused:
                raise
            return f"{REFUSED}{error}"
        if self.shown is None:
            return found
        assert isinstance(found, dict)
        return found[self.shown]


@dataclass(frozen=True)
class ShownBy:
    """A test elsewhere that shows what a key changes, and names the key."""

    test: str  # its node id


def put(params: dict[str, Any], key: str, value: object) -> None:
    """Set a key by its dotted name; below a list, in its first entry."""
    *above, last = key.split(".")
    here = params
    for name in above:
        here = here.setdefault(name, {})
        here = here[0] if isinstance(here, list) else here
    here[last] = value


def write(path: str, *lines: str) -> Path:
    """A file of these lines, in a folder that is made for it."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("".join(f"{line}\n" for line in lines))
    return target

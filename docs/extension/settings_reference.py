"""The generated part of docs/reference/settings.md: all keys, out of the models that read them."""

from collections.abc import Iterator

from docs.extension.setting_keys import Key, Part, parts_of_section
from docs.extension.tables import anchored, table
from project.settings import SECTIONS

HEAD = ("key", "type and limits", "default", "what it is for")


def setting_lines() -> Iterator[str]:
    """A section for each section, with a table for it and for each of its parts."""
    known: set[str] = set()
    for section in SECTIONS:
        first, *inner = parts_of_section(section)
        if "." in section:  # which a heading's own anchor has not
            yield from (f'<a id="{section}"></a>', "")
        yield from (f"## `{section}`", "", first.about, "")
        yield from (*table(HEAD, [row_of(first, key, known) for key in first.keys]), "")
        for part in inner:
            yield from (f"{anchored(part.name, new(part.name, known))} – {part.about}", "")
            yield from (*table(HEAD, [row_of(part, key, known) for key in part.keys]), "")


def row_of(part: Part, key: Key, known: set[str]) -> tuple[str, str, str, str]:
    """A key that several kinds of a part have is linked to where it stands first."""
    short = key.name.removeprefix(f"{part.name}.")
    default = f"`{key.default}`" if key.default else "required"
    return anchored(short, new(key.name, known)), key.kind, default, key.about


def new(name: str, known: set[str]) -> str:
    """The name, or nothing where it was known; it is known from now on."""
    found = "" if name in known else name
    known.add(name)
    return found

"""`search recipes`: the named recipes, what one says, and one put into params.yaml."""

from collections.abc import Iterator
from difflib import unified_diff
from typing import Annotated

import typer
from rich.text import Text

from incumbent.options import Json
from incumbent.output import console, print_json, print_table
from incumbent.recipes.named_recipes import file_of, names, read_recipe, refuse_wrong, with_recipe
from project.errors import InputError
from project.files import write_bytes
from project.records.record import read_input
from project.settings import PARAMS

COLOURS = {"+": "green", "-": "red", "@": "dim"}


def recipe_names(incomplete: str) -> list[str]:
    return [name for name in names() if name.startswith(incomplete)]


def recipes(
    name: Annotated[
        str | None,
        typer.Argument(autocompletion=recipe_names, help="Such as brief; all recipes if left out."),
    ] = None,
    write: Annotated[
        bool,
        typer.Option("--write", help="Put it into params.yaml, and show what changes."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Named recipes of training: which there are, what one says, one into params.yaml."""
    if name is None:
        if write:
            raise InputError("say which recipe to write: `incumbent search recipes` lists them")
        list_recipes(as_json=as_json)
    elif write:
        write_recipe(name)
    else:
        show_recipe(name, as_json=as_json)


def list_recipes(*, as_json: bool) -> None:
    told = {name: read_recipe(name).description for name in names()}
    if as_json:
        print_json(told)
        return
    print_table(("recipe", "what it is"), told.items())
    console.print("\none of them: incumbent search recipes NAME; into params.yaml: --write")


def show_recipe(name: str, *, as_json: bool) -> None:
    if as_json:
        print_json(read_recipe(name).model_dump(mode="json", exclude_unset=True))
        return
    console.print(file_of(name).read_text(), soft_wrap=True, end="")


def write_recipe(name: str) -> None:
    """Show what changes, and change it. Raises InputError for settings that are wrong already."""
    refuse_wrong()
    raw = read_input(PARAMS)  # without a byte order mark
    mark = PARAMS.read_bytes().removesuffix(raw)
    old = raw.decode()
    new = with_recipe(old, read_recipe(name))
    if new == old:
        console.print(f"{PARAMS} has the values of {name} already", soft_wrap=True)
        return
    for line in difference(old, new):
        console.print(Text(line, COLOURS.get(line[0], "")), soft_wrap=True)
    write_bytes(PARAMS, mark + new.encode())
    console.print(f"{PARAMS} has the recipe {name} now", soft_wrap=True)


def difference(old: str, new: str) -> Iterator[str]:
    before, after = old.splitlines(), new.splitlines()
    return unified_diff(before, after, str(PARAMS), str(PARAMS), lineterm="", n=1)

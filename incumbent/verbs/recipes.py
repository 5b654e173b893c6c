"""`search recipes`: the named recipes, what one says, and one put into params.yaml."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

import training
from incumbent.options import Json
from incumbent.output import console, difference_lines, print_json, print_table, say
from project.errors import InputError
from project.files import write_bytes
from project.records.record import read_input
from project.settings import (
    PARAMS,
    SECTIONS,
    Settings,
    Values,
    load,
    model_of,
    parse,
    read_settings,
)
from project.yaml_text import with_value, written
from training.training_settings import (
    AdapterParams,
    DistillParams,
    DomainParams,
    DpoParams,
    GrpoParams,
    KtoParams,
    SftParams,
)


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
    """List the named recipes of training, show one, or put it into params.yaml.

    $ incumbent search recipes
    $ incumbent search recipes brief --write
    """
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
    # Settings that are wrong already are told before anything is put in.
    parse(PARAMS)
    for section in STEPS:
        load(model_of(section), PARAMS)
    raw = read_input(PARAMS)  # without a byte order mark
    mark = PARAMS.read_bytes().removesuffix(raw)
    old = raw.decode()
    new = with_recipe(old, read_recipe(name))
    if new == old:
        say(f"{PARAMS} has the values of {name} already")
        return
    say(*difference_lines(str(PARAMS), old, new, around=1))
    write_bytes(PARAMS, mark + new.encode())
    say(f"{PARAMS} has the recipe {name} now")


# --- named recipes --------------------------------------------------------------------------------

# The named recipes: files of training/recipes/, each a description and settings of training.

FOLDER = Path(str(training.__file__)).parent / "recipes"
# What a recipe leaves as the project has it, for it is about its data and its machine.
OF_THE_PROJECT = frozenset(
    {
        "adapter.start",
        "adapter.seed",
        "adapter.dequantize_once",
        "sft.rows",
        "sft.evaluations",
        "adapter.gradient_checkpointing",
    }
)


class Training(Settings):
    """What a recipe says of the section `training` of params.yaml."""

    adapter: AdapterParams
    domain: DomainParams
    sft: SftParams
    distill: DistillParams = DistillParams()
    dpo: DpoParams
    kto: KtoParams
    grpo: GrpoParams = GrpoParams()


class NamedRecipe(Settings):
    description: str  # in one line: what it does, and for whom
    training: Training

    @property
    def values(self) -> dict[str, Any]:
        """Every key that decides what is learnt, with its value here or its default."""
        every = flat(self.training.model_dump(mode="json"))
        return {name: value for name, value in every.items() if name not in OF_THE_PROJECT}

    @property
    def named_keys(self) -> dict[str, Any]:
        """The keys that the recipe's file names."""
        return flat(self.training.model_dump(mode="json", exclude_unset=True))


def flat(steps: Mapping[str, Mapping[str, Any] | None]) -> dict[str, Any]:
    """Such as {"sft.epochs": 1}."""
    return {
        f"{step}.{key}": value
        for step, keys in steps.items()
        for key, value in (keys or {}).items()
    }


def names() -> list[str]:
    return sorted(file.stem for file in FOLDER.glob("*.yaml"))


def file_of(name: str) -> Path:
    """Raises InputError for a name that no recipe has."""
    if name not in names():
        raise InputError(f"there is no recipe {name!r}; there are {', '.join(names())}")
    return FOLDER / f"{name}.yaml"


def read_recipe(name: str) -> NamedRecipe:
    """Raises InputError for a name that no recipe has."""
    return read_settings(NamedRecipe, file_of(name))


# --- put in ---------------------------------------------------------------------------------------

# A recipe put into params.yaml, with all else in it as it was.

STEPS = [name for name in SECTIONS if name.startswith("training.")]


def with_recipe(text: str, recipe: NamedRecipe) -> str:
    """The text of a params.yaml with a recipe in it. Keys that the recipe does not name get their
    defaults where the file has them; what is about the project's own data and machine stays.

    Raises InputError where the file is so written that a program cannot edit it.
    """
    items = (sections(text).get("training") or {}).items()
    steps = {step: keys for step, keys in items if f"training.{step}" in STEPS}
    changed = changes(flat(steps), recipe)
    try:
        new = with_values(text, changed)
        if sections(new) == expected(text, changed):
            return new
    except yaml.YAMLError:  # what an anchor of the file names is gone
        pass
    told = ", ".join(f"training.{name}: {written(value)}" for name, value in changed.items())
    raise InputError(f"cannot be edited by a program: put in by hand {told}", file=PARAMS)


def changes(there: dict[str, Any], recipe: NamedRecipe) -> dict[str, Any]:
    """The keys that are to have another value than the file gives them."""
    wanted = {
        name: value
        for name, value in recipe.values.items()
        if name in there or name in recipe.named_keys
    }
    wanted |= {name: value for name, value in recipe.named_keys.items() if name in OF_THE_PROJECT}
    return {
        name: value
        for name, value in wanted.items()
        if name not in there or not same(there[name], value)
    }


def with_values(text: str, changed: dict[str, Any]) -> str:
    for name, value in changed.items():
        text = with_value(text, ["training", *name.split(".")], value)
    return text


def expected(text: str, changed: dict[str, Any]) -> dict[str, Any]:
    """What the file is to say then."""
    settings = sections(text)
    if changed:
        settings["training"] = dict(settings.get("training") or {})
    for name, value in changed.items():
        step, _, key = name.partition(".")
        settings["training"][step] = (settings["training"].get(step) or {}) | {key: value}
    return settings


def same(old: Any, new: Any) -> bool:
    """Whether two values are one setting: 1 and 1.0, or a number that YAML took for a text."""
    alike = type(old) is type(new) and old == new
    return alike or as_number(old) == as_number(new) is not None


def as_number(value: Any) -> float | None:
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


def sections(text: str) -> dict[str, Any]:
    document: Any = yaml.load(text, Values)
    return dict(document or {})

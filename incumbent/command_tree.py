"""A tree of verbs: each is imported when it is called, and a wrong guess is told the right name."""

import ast
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache, cached_property, partial, wraps
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from incumbent.options import LARGEST
from project.errors import InputError, plain_words

Verb = Callable[..., None]
VERBS = Path(__file__).parent / "verbs"
INSTEAD = {
    "help": "`incumbent --help`, or --help behind a verb",
    "version": "`incumbent --version`",
}
VALUES = {"path": "PATH", "Path": "PATH", "str": "TEXT", "int": "N", "float": "N"}


class LazyVerb(TyperCommand):
    """A verb that is listed without being imported; Typer hands its place over as its help."""

    def __init__(self, name: str | None, **attributes: Any) -> None:
        self.place: str = attributes.pop("help")
        super().__init__(name, **attributes)

    @cached_property
    def loaded(self) -> Any:
        """The same verb, with the options that its function declares."""
        return self.command_of(function_at(self.place))

    @cached_property
    def declared(self) -> Any:
        """The same verb and options, without the function's body until it is called."""
        command = self.command_of(signature_at(self.place))
        for parameter in command.params:
            parameter.display_type_rich = partial(value_name, parameter)
        return command

    def command_of(self, verb: Verb) -> Any:
        alone = typer.Typer(add_completion=False)
        alone.command(self.name, help=sentence(self.place), epilog=examples(self.place))(verb)
        return get_command(alone)

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        command = self.declared if {"--help", "-h"} & {*args} else self.loaded
        try:
            return command.make_context(info_name, args, parent, **extra)
        except typer.BadParameter as error:
            error.message = plain_words(error.message)
            raise


def value_name(parameter: Any, ctx: Any) -> str | None:
    """What stands behind an option in its verb's help; nothing behind a switch or an argument."""
    if parameter.param_type_name == "argument" or parameter.is_flag:
        return None
    if getattr(parameter, "max", None) == LARGEST:
        parameter.max = None
    named: str | None = parameter.metavar
    kind = parameter.display_type(ctx).strip("<>").removeprefix("list[").removesuffix("]")
    return named or VALUES.get(kind.removesuffix(" range"), kind)


class VerbGroup(TyperGroup):
    """Says where a verb is that was looked for here."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        command = super().get_command(ctx, cmd_name)
        if isinstance(command, LazyVerb):
            command.help = sentence(command.place)
        return command

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Raises InputError for a verb that there is not."""
        name = args[0]
        if name in self.commands or name.startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        root = ctx.find_root()
        if name in ("help", "version"):
            raise InputError(f"there is no `{ctx.command_path} {name}`: type {INSTEAD[name]}")
        meant = [f"`{root.info_name} {path}`" for path in places_of(name, root.command)]
        there = f"`{ctx.command_path} --help` lists what there is"
        hint = f"did you mean {' or '.join(meant)}?" if meant else there
        raise InputError(f"there is no `{ctx.command_path} {name}`: {hint}")


def places_of(name: str, root: Any) -> list[str]:
    """The verbs and groups of this name, or else of the nearest one; hyphens join words."""
    paths = [path for path, _ in tree(root)]
    known = {word for path in paths for word in (path[-1], "-".join(path))}
    meant = {name} if name in known else {*get_close_matches(name, known, n=1)}
    return [" ".join(path) for path in paths if meant & {path[-1], "-".join(path)}]


def tree(group: Any, *above: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every group and verb below a group, with the words that call it; no verb is imported."""
    for name, command in group.commands.items():
        yield (*above, name), command
        if isinstance(command, VerbGroup):
            yield from tree(command, *above, name)


def every_verb(app: typer.Typer) -> Iterator[tuple[str, Any]]:
    """Every verb by the words that call it, with its options: all are imported."""
    for path, command in tree(get_command(app)):
        if isinstance(command, LazyVerb):
            yield " ".join(path), command.loaded


def add_group(
    above: typer.Typer, name: str, title: str, verbs: Mapping[str, str], panel: str | None = None
) -> typer.Typer:
    group = typer.Typer(cls=VerbGroup, no_args_is_help=True, help=title)
    above.add_typer(group, name=name, rich_help_panel=panel)
    add_verbs(group, verbs)
    return group


def add_verbs(
    group: typer.Typer, verbs: Mapping[str, str], panel: str | None = None, *, hidden: bool = False
) -> None:
    """Add verbs by name, each with its module in `incumbent/verbs/` and its function there. A star
    behind the function's name says that it needs no project; the others refuse to run outside.
    """
    for name, place in verbs.items():
        add = group.command(name, cls=LazyVerb, help=place, rich_help_panel=panel, hidden=hidden)
        add(lambda: None)  # the function that counts is imported when the verb is called


def function_at(place: str) -> Verb:
    module, _, name = place.removesuffix("*").partition(":")
    verb: Verb = getattr(import_module(f"incumbent.verbs.{module}"), name)
    return verb if place.endswith("*") else in_project(verb)


def in_project(verb: Verb) -> Verb:
    @wraps(verb)
    def checked(*args: Any, **options: Any) -> None:
        # Imported here because it reads YAML, which --help need not.
        from project.settings import refuse_no_project

        refuse_no_project()
        verb(*args, **options)

    return checked


# --- verbs that are read and not imported ---------------------------------------------------------

# Help is to come at once, whatever libraries a verb works with.


def sentence(place: str) -> str:
    """The first paragraph of a function's docstring. Its module is read and not imported."""
    return docstring(place).partition("\n\n")[0]


def examples(place: str) -> str:
    """What the docstring has after a dollar sign, a paragraph each."""
    lines = (line.strip() for line in docstring(place).splitlines())
    return "\n\n".join(line for line in lines if line.startswith("$ "))


def docstring(place: str) -> str:
    _, function = parsed(place)
    return ast.get_docstring(function) or ""


def signature_at(place: str) -> Verb:
    """A verb as its file declares it: of that file no more runs than its signature needs."""
    module, function = parsed(place)
    bare = ast.FunctionDef(**{**vars(function), "body": [ast.Pass()], "decorator_list": []})
    made: dict[str, Any] = {"Literal": Literal}
    code = ast.fix_missing_locations(ast.Module([*bindings(module, bare), bare], []))
    exec(compile(code, place, "exec"), made)  # a file of ours, as its import would run it

    @wraps(made[function.name])
    def verb(*args: Any, **options: Any) -> None:
        function_at(place)(*args, **options)

    return verb


@cache
def parsed(place: str) -> tuple[ast.Module, ast.FunctionDef]:
    """A verb's module, and its function there."""
    file, _, name = place.removesuffix("*").partition(":")
    module = ast.parse((VERBS / f"{file}.py").read_bytes())
    for node in module.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return module, node
    raise ValueError(f"incumbent/verbs/{file}.py has no function {name}")


def bindings(module: ast.Module, wanted: ast.AST) -> list[ast.stmt]:
    """Of a module the statements that bind the names in some code, in their order."""
    names, statements = names_in(wanted), list[ast.stmt]()
    for node in reversed(module.body):
        for kept in (stmt for stmt in of_names(node) if bound_by(stmt) & names):
            names |= names_in(kept)
            statements.insert(0, kept)
    return statements


def of_names(node: ast.stmt) -> list[ast.stmt]:
    """What binds names, an import of each by itself; a list of allowed texts that is imported from
    a file of ours stands in its import's place, for that file may be heavy.
    """
    match node:
        case ast.ImportFrom(module=str(file)):
            return [
                literal_in(file, alias.name) or ast.ImportFrom(file, [alias], 0)
                for alias in node.names
            ]
        case ast.Import():
            return [ast.Import([alias]) for alias in node.names]
        case ast.Assign() | ast.AnnAssign() | ast.FunctionDef() | ast.ClassDef():
            return [node]
    return []


def literal_in(module: str, name: str) -> ast.Assign | None:
    """How a file of ours binds the name, where it is `NAME = Literal[…]`."""
    file = VERBS.parents[1] / f"{module.replace('.', '/')}.py"
    for node in ast.parse(file.read_bytes()).body if file.is_file() else ():
        match node:
            case ast.Assign(
                targets=[ast.Name(id=bound)], value=ast.Subscript(value=ast.Name(id="Literal"))
            ) if bound == name:
                return node
    return None


def names_in(code: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(code) if isinstance(node, ast.Name)}


def bound_by(node: ast.stmt) -> set[str]:
    match node:
        case ast.Import() | ast.ImportFrom():
            return {alias.asname or alias.name for alias in node.names}
        case ast.FunctionDef() | ast.ClassDef():
            return {node.name}
    stored = (name for name in ast.walk(node) if isinstance(name, ast.Name))
    return {name.id for name in stored if isinstance(name.ctx, ast.Store)}

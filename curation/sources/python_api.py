"""The sample task: one-line summaries of Python APIs, read from installed packages with `ast`."""

import ast
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from project.errors import InputError
from project.records.data import Row

QUESTION = "In one short sentence, what does this Python API do?\n\n{name}({parameters})"
SKIPPED_FOLDERS = {"tests", "testing", "benchmarks", "externals", "_vendored"}
MARKUP = re.compile(r"::|https?:|[|<>]")
MAX_PARAMETER_CHARS = 120
SUMMARY_WORDS = range(4, 26)

Definition = ast.FunctionDef | ast.ClassDef


def read_package(package: str) -> Iterator[Row]:
    """Yield a row for each documented public function, class and method of an installed package.

    The package is located, never imported. Order and content depend on its files alone.
    Raises InputError when it is not installed.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise InputError(f"package {package!r} is not installed", field="curation.collect.sources")
    root = Path(spec.submodule_search_locations[0])
    modules = {path.relative_to(root): path for path in sorted(root.rglob("*.py"))}
    trees = {
        inside: parse(path)
        for inside, path in modules.items()
        if not SKIPPED_FOLDERS.intersection(inside.parts[:-1])
    }
    exported = {name for inside, tree in trees.items() for name in exports(inside, tree)}
    for inside, tree in trees.items():
        yield from read_module(tree, package, inside, exported)


def parse(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes())
    except SyntaxError as error:
        raise InputError(f"not Python: {error.msg}", file=path, line=error.lineno) from None


def exports(inside: Path, tree: ast.Module) -> Iterator[str]:
    """Yield the names that a file makes public: its `__all__`; all that an __init__.py imports."""
    for node in tree.body:
        match node:
            case ast.ImportFrom() if inside.stem == "__init__":
                yield from (alias.name for alias in node.names)
            case ast.Assign(targets=[ast.Name(id="__all__")], value=ast.List(elts=names)):
                yield from (str(name.value) for name in names if isinstance(name, ast.Constant))


def read_module(tree: ast.Module, package: str, inside: Path, exported: set[str]) -> Iterator[Row]:
    """Yield the rows of one source file; of a private one, only what is exported."""
    parts = [package, *inside.with_suffix("").parts]
    module = ".".join(part for part in parts if not part.startswith("_"))
    private = any(part.startswith("_") and part != "__init__" for part in parts)
    for name, node in public_definitions(tree):
        # The docstring's first paragraph where it is one plain sentence.
        paragraph = (ast.get_docstring(node) or "").split("\n\n")[0]
        first = " ".join(paragraph.split())
        plain = first.isascii() and first.endswith(".") and not MARKUP.search(first)
        summary = first if plain and len(first.split()) in SUMMARY_WORDS else None
        if summary and not (private and name.partition(".")[0] not in exported):
            yield Row.of(
                QUESTION.format(name=f"{module}.{name}", parameters=parameters(node)),
                summary,
                group=name.rpartition(".")[2].lower().replace("_", ""),
                source=package,
                package=package,
            )


def public_definitions(tree: ast.Module) -> Iterator[tuple[str, Definition]]:
    """Yield (dotted name, node) for public functions, classes and the classes' methods."""
    for node in tree.body:
        if not isinstance(node, Definition) or node.name.startswith("_"):
            continue
        yield node.name, node
        for member in node.body if isinstance(node, ast.ClassDef) else ():
            if isinstance(member, ast.FunctionDef) and not member.name.startswith("_"):
                decorators = " ".join(map(ast.unparse, member.decorator_list))
                if "property" not in decorators and ".setter" not in decorators:
                    yield f"{node.name}.{member.name}", member


def parameters(node: Definition) -> str:
    """Return the call signature's parameters, shortened; those of `__init__` for a class."""
    if isinstance(node, ast.ClassDef):
        made_by = (m for m in node.body if isinstance(m, ast.FunctionDef) and m.name == "__init__")
        return next(map(parameters, made_by), "")
    text = re.sub(r"^(self|cls)(, )?", "", ast.unparse(node.args))
    return text if len(text) <= MAX_PARAMETER_CHARS else text[:MAX_PARAMETER_CHARS] + " …"

"""The sample task: one-line summaries of Python APIs, read from installed packages with `ast`."""

import ast
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from registry.errors import InputError
from registry.records import Row

QUESTION = "In one short sentence, what does `{name}` do?\n\nSignature: {name}({parameters})"
SKIPPED_FOLDERS = {
    "tests",
    "testing",
    "_testing",
    "benchmarks",
    "externals",
    "_vendored",
}
MAX_PARAMETER_CHARS = 200
SUMMARY_WORDS = range(4, 26)

Definition = ast.FunctionDef | ast.ClassDef


def read_package(package: str) -> Iterator[Row]:
    """Yield a row for each documented public function, class and method of an installed package.

    The package is located, never imported. Order and content depend on its files alone.
    Raises InputError when it is not installed.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise InputError(f"package {package!r} is not installed", field="curation.sources")
    root = Path(spec.submodule_search_locations[0])
    for path in sorted(root.rglob("*.py")):
        inside = path.relative_to(root)
        if not SKIPPED_FOLDERS.intersection(inside.parts[:-1]):
            yield from read_module(path, package, inside)


def read_module(path: Path, package: str, inside: Path) -> Iterator[Row]:
    """Yield the rows of one source file."""
    tree = ast.parse(path.read_bytes())
    parts = [package, *inside.with_suffix("").parts]
    module = ".".join(part for part in parts if not part.startswith("_"))
    for name, node in public_definitions(tree):
        summary = summary_line(node)
        if summary:
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
        if isinstance(node, ast.ClassDef):
            for member in node.body:
                if isinstance(member, ast.FunctionDef) and not member.name.startswith("_"):
                    yield f"{node.name}.{member.name}", member


def summary_line(node: Definition) -> str | None:
    """Return the docstring's first paragraph when it is one plain sentence, else None."""
    paragraph = (ast.get_docstring(node) or "").split("\n\n")[0]
    summary = " ".join(paragraph.split())
    plain = summary.isascii() and summary.endswith(".") and "::" not in summary
    return summary if plain and len(summary.split()) in SUMMARY_WORDS else None


def parameters(node: Definition) -> str:
    """Return the call signature's parameters, shortened; those of `__init__` for a class."""
    if isinstance(node, ast.ClassDef):
        made_by = (m for m in node.body if isinstance(m, ast.FunctionDef) and m.name == "__init__")
        return next(map(parameters, made_by), "")
    text = ast.unparse(node.args).removeprefix("self").removeprefix(", ")
    return text if len(text) <= MAX_PARAMETER_CHARS else text[:MAX_PARAMETER_CHARS] + " …"

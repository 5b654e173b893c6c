"""Stage `code`: of each stage, the files of code that it runs, each by its digest.

A stage depends on its one file here, so an edit reruns what it touches and nothing else. Of an
installed package whose docstrings are a source, METADATA stands for its version, together with
Python's: one version of numpy has other modules for another Python.
"""

import ast
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import grimp

from curation.curation_settings import CollectParams, PackagesSource
from evaluation.evaluation_settings import GenerationParams, MetricChoice, ScoringParams
from evaluation.scoring.built_in import SCORERS, named_files
from incumbent.pipeline import PACKAGES, module_of, older_project, read_pipeline
from project.canonical import digest_file
from project.files import home
from project.html import SHARED
from project.paths import CODE
from project.records.field_change import differing
from project.records.record import Digest, Record
from project.settings import load
from training.training_settings import GrpoParams

PYTHON = f"python3.{sys.version_info.minor}"
PYTHONS = [f"python3.{minor}" for minor in range(11, 31)]  # that a lock can be of


class Code(Record):
    """Files by the name that people know them by: from the folder that Python imports them from."""

    files: dict[str, Digest]

    def by(self, python: str) -> "Code":
        """The same code, as another Python runs it."""
        return Code(
            files={name.replace(PYTHON, python): digest for name, digest in self.files.items()}
        )


def main() -> None:
    if told := older_project():  # here, for each run begins with this stage
        print(told)
    graph = Imports()
    for stage, module in stages().items():
        path = CODE / f"{stage}.json"
        code = code_of(module, graph)
        if path.is_file() and (changed := changed_files(Code.read(path), code)):
            print(f"{stage} will run again: {', '.join(changed)} changed")
        code.write(path)


def stages() -> dict[str, str]:
    """The module that each stage of the pipeline runs, this one left out."""
    modules = {stage.name: stage.module for stage in read_pipeline() if stage.module}
    return {name: module for name, module in modules.items() if module != __name__}


def changed_files(old: Code, new: Code) -> list[str]:
    """The files that changed, came or went."""
    return sorted(change.name for change in differing(old.files, new.files))


def code_of(module: str, imports: "Imports") -> Code:
    """All code that a stage runs: its module's, the scorers', and the packages that it reads."""
    chosen = scorers_of(module)
    files = imports.of([module, *map(module_of_scorer, chosen)])
    files |= named_beside(files.values())
    files |= {file.as_posix(): file for choice in chosen for file in named_files(choice)}
    if module == module_of("generate") and (tools := load(GenerationParams).conversations.tools):
        files |= {tools.as_posix(): tools} if tools.is_file() else {}
    for package in packages_read() if module == module_of("collect") else ():
        files |= files_of_version(package)
    return Code(files={name: digest_file(path) for name, path in sorted(files.items())})


def scorers_of(module: str) -> Sequence[MetricChoice]:
    """Those that a stage rates answers by."""
    rates = module == module_of("score") or (
        module == module_of("grpo") and load(GrpoParams).epochs
    )
    return load(ScoringParams).metrics if rates else ()


def module_of_scorer(choice: MetricChoice) -> str:
    return SCORERS.get(choice.metric, choice.metric).partition(":")[0]


def packages_read() -> list[str]:
    """The packages whose docstrings are a source."""
    sources = load(CollectParams).sources
    return [
        name for source in sources if isinstance(source, PackagesSource) for name in source.packages
    ]


def files_of_version(package: str) -> dict[str, Path]:
    """What changes with a package's version: METADATA of the distribution that installed it; of a
    package that none installed, such as a user's own, its modules; nothing of one that is missing.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return {}
    folder = Path(spec.submodule_search_locations[0])
    installed = f"\n{package}/__init__.py,".encode()
    for record in folder.parent.glob("*.dist-info/RECORD"):  # a tenth of a second for hundreds
        if installed in b"\n" + record.read_bytes():
            return {f"{PYTHON}/{record.parent.name}/METADATA": record.with_name("METADATA")}
    return {path.relative_to(folder.parent).as_posix(): path for path in folder.rglob("*.py")}


def named_beside(modules: Iterable[Path]) -> dict[str, Path]:
    """Templates, tables and words that these modules name, and what these files name in turn."""
    files: dict[str, Path] = {}
    unread = list(modules)
    while unread:
        file = unread.pop()
        text, places = file.read_text(), (file.parent, file.parent / "templates", SHARED)
        new = {
            name: path
            for place in places
            for name, path in files_beside_code().get(place, {}).items()
            if name not in files and f'"{path.name}"' in text
        }
        files |= new
        unread += new.values()
    return files


@cache
def files_beside_code() -> dict[Path, dict[str, Path]]:
    """Our packages' templates, tables and words, by their names, in each folder that has some."""
    there: dict[Path, dict[str, Path]] = {}
    for folder in map(folder_of, PACKAGES):
        for pattern in ("templates/*", "*.txt", "*.toml"):
            for path in folder.rglob(pattern):
                name = path.relative_to(folder.parent).as_posix()
                there.setdefault(path.parent, {})[name] = path
    return there


def folder_of(package: str) -> Path:
    spec = find_spec(package)
    assert spec and spec.origin, "our packages are installed together"
    return Path(spec.origin).parent


class Imports:
    """Which files a module runs: through our packages by import graph, through a user's by eye."""

    def __init__(self) -> None:
        cache = str(home() / "imports")
        self.graph = grimp.build_graph(
            *PACKAGES, exclude_type_checking_imports=True, cache_dir=cache
        )

    def of(self, modules: Iterable[str]) -> dict[str, Path]:
        """The files of these modules and of all that they import, with the packages above them."""
        files: dict[str, Path] = {}
        unseen = set(modules)
        seen: set[str] = set()
        while unseen:
            module = unseen.pop()
            seen.add(module)
            path = file_of(module)
            if path is None:
                continue  # a library's
            files[name_of(module, path)] = path
            imported = set(self.imported(module, path))
            unseen |= (imported | {module.rpartition(".")[0]} - {""}) - seen
        return files

    def imported(self, module: str, path: Path) -> Iterator[str]:
        if module in self.graph.modules:
            yield from self.graph.find_modules_directly_imported_by(module)
            return
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = node.module or ""
                if node.level:
                    parts = module.split(".")[: -node.level]
                    base = ".".join([*parts, *filter(None, [base])])
                yield base
                yield from (f"{base}.{alias.name}" for alias in node.names)


def file_of(module: str) -> Path | None:
    """The file of a module of ours or of the user's project, not imported; else None."""
    top, *inner = module.split(".")
    spec = find_spec(top) if top.isidentifier() else None
    if spec is None or spec.origin is None or not spec.has_location:
        return None
    path = Path(spec.origin)
    in_project = path.is_relative_to(Path.cwd()) and not path.is_relative_to(sys.prefix)
    if not in_project and top not in PACKAGES:
        return None
    if inner:
        folder = path.parent.joinpath(*inner)
        path = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    return path if path.is_file() else None


def name_of(module: str, path: Path) -> str:
    """Such as training/train.py, wherever the package lies."""
    parts = module.split(".")
    return "/".join([*parts, path.name] if path.name == "__init__.py" else [*parts[:-1], path.name])

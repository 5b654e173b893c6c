"""How far one action leads through the code: functions, files ("rooms"), returns to a file left.

    python -m benchmarks.walks                                   # five walks, and the shape
    python -m benchmarks.walks evaluation/decision/rule.py:rule  # others
    python -m benchmarks.walks entered stage curate              # one real run, in a project

A walk is static: every branch is taken, and a method is followed where its name is unique in the
product, so its figures are lower bounds. `entered` runs `incumbent` with the words behind it in
this process, and counts the product files of which a function was called, by `sys.setprofile`; it
sees neither child processes nor what only an import runs. As a script it measures any other
revision too: `PYTHONPATH=OTHER_CLONE python -P benchmarks/walks.py entered stage curate`.
"""

import ast
import inspect
import subprocess
import sys
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

PACKAGES = {"project", "retrieval", "registry", "curation", "training", "evaluation"} | {
    "monitoring",
    "serving",
    "review",
    "incumbent",
}
ENTRIES = (
    "curation/collect.py:main",
    "curation/curate.py:main",
    "curation/validate.py:main",
    "incumbent/verbs/submit.py:submit_challenger",
    "monitoring/night.py:nightly",
)
SMALL = 50  # lines
# Methods that so many classes have that a name says nothing of whose it is.
BUILT_IN = {name for kind in (str, bytes, dict, list, set, tuple, int, float) for name in dir(kind)}
WORDS = (
    "read write close open exists parse validate send get put run start stop load save fit "
    "transform score step commit execute name mean flush seek post request stream join wait "
    "acquire release submit result connect begin finish read_text write_text train predict to item "
    "tolist sum max min cpu numpy unlink resolve match search group sub findall digest hexdigest "
    "date time now cursor scalar first all where select apply forward backward batch embed sample "
    "draw print status rows columns table text answer ask"
)
COMMON = BUILT_IN | set(WORDS.split())
Function = ast.FunctionDef | ast.AsyncFunctionDef
Found = tuple[str, str, Function]  # file, name, node


@dataclass
class Module:
    """What a file defines, and what it calls by names of other files."""

    functions: dict[str, Function] = field(default_factory=dict)
    classes: dict[str, dict[str, Function]] = field(default_factory=dict)
    imported: dict[str, tuple[str, str | None]] = field(default_factory=dict)  # file, its name


class House:
    """All files of the product."""

    def __init__(self) -> None:
        self.files = [file for file in tracked("*.py") if file.split("/")[0] in PACKAGES]
        paths = {module_of(file): file for file in self.files}
        self.modules = {file: read_module(file, paths) for file in self.files}
        self.methods: dict[str, list[Found]] = defaultdict(list)
        for file, module in self.modules.items():
            for name, methods in module.classes.items():
                for method, node in methods.items():
                    self.methods[method].append((file, f"{name}.{method}", node))

    def called(self, file: str, call: ast.Call) -> Found | None:
        """The function of ours that a call leads to, where that can be told."""
        match call.func:
            case ast.Name(id=name):
                source, own = self.modules[file].imported.get(name, (file, name))
                return self.defined(source, own) if own else None
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if (
                owner in self.modules[file].imported
            ):
                source, own = self.modules[file].imported[owner]
                if own is None:
                    return self.defined(source, name)
                return self.method(source, own, name)
            case ast.Attribute(attr=name):
                found = self.methods.get(name, [])
                return found[0] if len(found) == 1 and name not in COMMON else None
        return None

    def defined(self, file: str, name: str) -> Found | None:
        """A function, or what makes an object of a class."""
        if function := self.modules[file].functions.get(name):
            return file, name, function
        made = (self.method(file, name, method) for method in ("__init__", "__post_init__"))
        return next(filter(None, made), None)

    def method(self, file: str, owner: str, name: str) -> Found | None:
        node = self.modules[file].classes.get(owner, {}).get(name)
        return (file, f"{owner}.{name}", node) if node else None

    def walk(self, entry: str) -> str:
        file, name = entry.split(":")
        first = self.modules[file].functions[name]
        seen, trail, lines = {(file, name)}, [file], 0

        def enter(file: str, node: Function) -> None:
            nonlocal lines
            lines += (node.end_lineno or node.lineno) - node.lineno + 1
            move(file)
            for call in ast.walk(node):
                found = self.called(file, call) if isinstance(call, ast.Call) else None
                if found and found[:2] not in seen:
                    seen.add(found[:2])
                    enter(found[0], found[2])
                    move(file)

        def move(file: str) -> None:
            if trail[-1] != file:
                trail.append(file)

        enter(file, first)
        rooms = len(set(trail))
        return (
            f"{entry:<50} functions {len(seen):>4}  rooms {rooms:>3}  returns "
            f"{len(trail) - rooms:>3}  lines {lines:>5}  lines a room {lines // rooms:>3}"
        )


def main() -> None:
    if sys.argv[1:2] == ["entered"]:
        print(entered(sys.argv[2:]))
        return
    sys.setrecursionlimit(20_000)
    house = House()
    if len(sys.argv) == 1:
        print(shape(house.files))
    for entry in sys.argv[1:] or ENTRIES:
        print(house.walk(entry))


def entered(words: list[str]) -> str:
    """How many files of the product a command enters, and their functions."""
    # Imported here because a walk needs none of the product.
    from incumbent.cli import main as incumbent

    root, functions = Path(inspect.getfile(incumbent)).parents[1], set()

    def note(frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_flags & inspect.CO_OPTIMIZED:  # a function, and no module
            functions.add((code.co_filename, code.co_firstlineno))

    sys.argv = ["incumbent", *words]
    threading.setprofile(note)
    sys.setprofile(note)
    try:
        incumbent()
        ended = 0
    except SystemExit as stop:
        ended = stop.code or 0
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    ours = [(file, line) for file, line in functions if top_folder(file, root) in PACKAGES]
    files = {file for file, _ in ours}
    return (
        f"incumbent {' '.join(words):<30} exit code {ended}  files entered {len(files):>3}  "
        f"functions called {len(ours):>4}"
    )


def top_folder(file: str, root: Path) -> str | None:
    path = Path(file)
    return path.relative_to(root).parts[0] if path.is_relative_to(root) else None


def shape(files: list[str]) -> str:
    lines = {file: len(Path(file).read_text().splitlines()) for file in files}
    filled = [n for file, n in lines.items() if n >= 5 or not file.endswith("__init__.py")]
    tests = [len(Path(file).read_text().splitlines()) for file in tracked("tests/*.py")]
    return (
        f"product: {sum(lines.values())} lines, {len(filled)} files, "
        f"{len({str(Path(file).parent) for file in files})} folders, "
        f"{sum(n <= SMALL for n in filled)} files of {SMALL} lines or fewer, longest {max(filled)}"
        f"\ntests: {sum(tests)} lines, {len(tests)} files"
    )


def tracked(pattern: str) -> list[str]:
    command = ["git", "ls-files", pattern]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def module_of(file: str) -> str:
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def read_module(file: str, paths: dict[str, str]) -> Module:
    tree, module = ast.parse(Path(file).read_text()), Module()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                called = name.asname or name.name
                if whole := paths.get(f"{node.module}.{name.name}"):
                    module.imported[called] = (whole, None)
                elif part := paths.get(node.module):
                    module.imported[called] = (part, name.name)
    for node in tree.body:
        if isinstance(node, Function):
            module.functions[node.name] = node
        elif isinstance(node, ast.ClassDef):
            module.classes[node.name] = {n.name: n for n in node.body if isinstance(n, Function)}
    return module


if __name__ == "__main__":
    main()

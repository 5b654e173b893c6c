"""Whether tests notice a fault: in how many of a package's random mutants some test fails.

    python -m benchmarks.mutation PACKAGE TEST [TEST ...] [--mutants N] [--seed N]

PACKAGE is a folder such as evaluation/decision, or one file; TEST is what pytest takes. A mutant
is the package with one comparison, sum, condition or number changed, in a copy of the repository.
Those that no test fails on are listed, for a person to judge: some change nothing that is seen.
"""

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

SECONDS = 600  # after which a mutant that never ends counts as noticed

PAIRS: list[tuple[type[ast.AST], type[ast.AST]]] = [
    (ast.Lt, ast.LtE),
    (ast.Gt, ast.GtE),
    (ast.Eq, ast.NotEq),
    (ast.Is, ast.IsNot),
    (ast.In, ast.NotIn),
    (ast.And, ast.Or),
    (ast.Add, ast.Sub),
    (ast.Mult, ast.Div),
    (ast.BitAnd, ast.BitOr),
]
OTHER = dict(PAIRS) | {second: first for first, second in PAIRS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("package", type=Path)
    parser.add_argument("tests", nargs="+")
    parser.add_argument("--mutants", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    told = parser.parse_args()
    files = sorted(told.package.rglob("*.py")) or [told.package]
    mutants = [(file, *mutant) for file in files for mutant in mutants_of(file.read_text())]
    drawn = random.Random(told.seed).sample(mutants, min(told.mutants, len(mutants)))
    with tempfile.TemporaryDirectory() as folder:
        copy = copied(Path(folder) / "mutant")
        if not passes(copy, told.tests):
            raise SystemExit("the tests fail without any fault: nothing can be said")
        noticed = sum(is_noticed(copy, told.tests, *mutant) for mutant in drawn)
    print(f"{told.package}: {noticed} of {len(drawn)} mutants noticed ({len(mutants)} there are)")


def copied(folder: Path) -> Path:
    names = subprocess.run(["git", "ls-files", "-z"], check=True, capture_output=True, text=True)
    for name in filter(None, names.stdout.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(name, folder / name, follow_symlinks=False)
    return folder


def is_noticed(copy: Path, tests: list[str], file: Path, line: int, was: str, text: str) -> bool:
    before = (copy / file).read_text()
    (copy / file).write_text(text)
    noticed = not passes(copy, tests)
    (copy / file).write_text(before)
    print(f"{'noticed ' if noticed else 'SURVIVED'} {file}:{line}: {was}", flush=True)
    return noticed


def passes(copy: Path, tests: list[str]) -> bool:
    command = [sys.executable, "-m", "pytest", "-xq", "-n0", "-p", "no:cacheprovider", *tests]
    environment = os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    try:
        return not subprocess.call(command, cwd=copy, env=environment, timeout=SECONDS, **quiet)
    except subprocess.TimeoutExpired:
        return False


def mutants_of(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield each mutant's line, what it changed, and the file's whole text with that change."""
    source = text.encode()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    tree = ast.parse(text)
    # Python 3.11 does not say where the parts of an f-string begin.
    within = {id(n) for f in ast.walk(tree) if isinstance(f, ast.JoinedStr) for n in ast.walk(f)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.expr) or id(node) in within:
            continue
        changed = changed_node(node)
        if changed is None or node.end_lineno is None or node.end_col_offset is None:
            continue
        begin = starts[node.lineno - 1] + node.col_offset
        end = starts[node.end_lineno - 1] + node.end_col_offset
        was, now = source[begin:end].decode(), f"({ast.unparse(changed)})"
        whole = source[:begin] + now.encode() + source[end:]
        yield node.lineno, f"{' '.join(was.split())} -> {now}", whole.decode()


def changed_node(node: ast.expr) -> ast.expr | None:
    """The expression with a fault, or None where this sort of it has none."""
    new = deepcopy(node)
    match new:
        case ast.Compare(ops=[op]) if type(op) in OTHER:
            new.ops = [OTHER[type(op)]()]
        case ast.BinOp(op=op) | ast.BoolOp(op=op) if type(op) in OTHER:
            new.op = OTHER[type(op)]()
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return operand
        case ast.IfExp(body=body, orelse=orelse):
            new.body, new.orelse = orelse, body
        case ast.Constant(value=bool() as value):
            new.value = not value
        case ast.Constant(value=int() | float() as value):
            new.value = value + 1
        case _:
            return None
    return new


if __name__ == "__main__":
    main()

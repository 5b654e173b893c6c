"""The tools whose logs can be read, and by which of them a file is."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from evaluation.other_logs.inspect_files import read_header
from evaluation.other_logs.inspect_logs import read_inspect
from evaluation.other_logs.json_files import complete, first_line
from evaluation.other_logs.lm_eval_files import RESULTS, SAMPLES
from evaluation.other_logs.lm_eval_logs import read_lm_eval
from evaluation.other_logs.promptfoo_logs import is_promptfoo, read_promptfoo
from evaluation.other_logs.scores_jsonl import read_scores_jsonl
from evaluation.other_logs.system_log import SystemLog
from project.errors import InputError
from project.untrusted_input import one_line

Tool = Literal["lm-eval", "inspect", "promptfoo", "jsonl"]
READERS: dict[Tool, Callable[[Path], SystemLog]] = {
    "lm-eval": read_lm_eval,
    "inspect": read_inspect,
    "promptfoo": read_promptfoo,
    "jsonl": read_scores_jsonl,
}


def read_log(tool: Tool, path: Path, system: str | None = None) -> SystemLog:
    """Read one system's log. Raises InputError; for another tool's log it names that tool."""
    try:
        log = read_as(tool, path, system)
        if not log.samples:
            raise InputError("holds no sample", file=path)
    except InputError as error:
        if (other := tool_of(path)) and other != tool:
            problem = f"this is a log of {other}, not of {tool}: --from {other} reads it"
            raise InputError(problem, file=path) from error
        raise
    return log


def read_as(tool: Tool, path: Path, system: str | None) -> SystemLog:
    """Read a log that may hold anything: what has another shape than the tool's is refused."""
    try:
        return read_promptfoo(path, system) if tool == "promptfoo" else READERS[tool](path)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        told = one_line(f"{type(error).__name__}: {error}")
        raise InputError(f"is not as {tool} writes it ({told})", file=path) from error


def tool_of(path: Path) -> Tool | None:
    """The tool that wrote a file, or the first file of a folder that any of them did."""
    if path.is_dir():
        files = (file for file in sorted(path.rglob("*")) if file.is_file())
        return next((tool for file in files if (tool := tool_of_file(file))), None)
    return tool_of_file(path) if path.is_file() else None


def tool_of_file(path: Path) -> Tool | None:
    if path.suffix == ".eval":
        return "inspect"
    if path.suffix not in (".json", ".jsonl"):
        return None
    if SAMPLES.fullmatch(path.name):
        return "lm-eval"
    row = complete(first_line(path))
    if isinstance(row, dict) and "doc_id" in row:
        return "lm-eval"
    if is_promptfoo(path):
        return "promptfoo"
    if isinstance(row, dict) and "item" in row:
        return "jsonl"
    if read_header(path):
        return "inspect"
    return "lm-eval" if RESULTS.fullmatch(path.name) else None

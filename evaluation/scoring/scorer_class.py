"""From a scorer's name in params.yaml to an instance: one of ours, or a user's own class."""

import inspect
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, JsonValue, ValidationError, validate_call

from evaluation.evaluation_settings import MetricChoice
from evaluation.scoring.built_in import SCORERS
from project.errors import InputError
from project.settings import PARAMS, line_of, parse

VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def misfit(at: int, problem: str, *steps: str) -> InputError:
    """An error in the scorer at a position of evaluation.scoring.metrics, with its line."""
    path = ["evaluation", "scoring", "metrics", str(at), *steps]
    line, _ = line_of(parse(PARAMS), path) if PARAMS.exists() else (None, [])
    return InputError(problem, file=PARAMS, line=line, field=".".join(path))


def class_of(choice: MetricChoice, at: int) -> type[Any]:
    """Import the class that a choice names. Raises InputError where it names none."""
    import evaluate  # takes seconds and brings torch, which only a run of the stage needs

    name, colon, attribute = SCORERS.get(choice.metric, choice.metric).partition(":")
    if not colon:
        known = ", ".join(SCORERS)
        problem = f"no scorer {name!r}; there are {known}, or your own as my_module:MyMetric"
        raise misfit(at, problem)
    try:
        found = getattr(import_module(name), attribute, None)
    except Exception as error:  # a user's module may fail in any way
        problem = f"{name} does not import: {type(error).__name__}: {error}"
        raise misfit(at, problem) from error
    if (
        not isinstance(found, type)
        or not issubclass(found, evaluate.Metric)
        or inspect.isabstract(found)
    ):
        raise misfit(at, f"{name} has no class {attribute!r} that is an evaluate.Metric")
    return found


def instance(choice: MetricChoice, at: int, embedder: Path) -> Any:
    """Make the scorer; `embedder` goes to a constructor that has a parameter of that name.

    Raises InputError for an option that the constructor does not know, lacks or cannot use.
    """
    kind = class_of(choice, at)
    known = options_of(kind)
    given: dict[str, Any] = {"embedder": embedder} if "embedder" in known else {}
    if unknown := [name for name in choice.options if name not in known or name in given]:
        there_are = ", ".join(name for name in known if name not in given) or "none"
        problem = f"{choice.metric} has no option {unknown[0]!r}; there are: {there_are}"
        raise misfit(at, problem, "options")
    made = object.__new__(kind)
    checked = validate_call(config=ConfigDict(arbitrary_types_allowed=True))(kind.__init__)
    try:
        checked(made, **choice.options, **given)  # by the constructor's own annotations
    except ValidationError as error:
        first = error.errors()[0]
        problem = first["msg"].removeprefix("Value error, ")  # of a check of ours
        raise misfit(at, problem, "options", *map(str, first["loc"])) from None
    return made


def options_of(kind: type[Any]) -> list[str]:
    """The parameters that a scorer's constructor adds to those of every evaluate.Metric."""
    import evaluate  # imported late, as in class_of

    common = inspect.signature(evaluate.Metric.__init__).parameters
    own = inspect.signature(kind.__init__).parameters.values()
    return [p.name for p in own if p.name not in common and p.kind not in VARIADIC]


def files(choice: MetricChoice, at: int) -> list[Path]:
    """The files that decide what a scorer gives: a user's own code, and those that options name."""
    code = [] if choice.metric in SCORERS else [Path(inspect.getfile(class_of(choice, at)))]
    return code + named_files(choice)


def named_files(choice: MetricChoice) -> list[Path]:
    """The files that options name: any text that is a file's path."""
    found = []
    for text in texts_in(choice.options):
        with suppress(OSError, ValueError):  # a text that is too long or too odd for a path
            if Path(text).is_file():
                found.append(Path(text))
    return found


def texts_in(value: JsonValue) -> Iterator[str]:
    """All texts in a value, however deep, names of keys left aside."""
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else ():
        yield from texts_in(inner)
    for inner in value if isinstance(value, list) else ():
        yield from texts_in(inner)

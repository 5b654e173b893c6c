"""What the pipeline can score with: our scorers, and the columns that any scorer may ask for.

A new scorer is a file in `evaluation/metrics/` and a line here; so is a new column.
"""

import ast
import inspect
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ConfigDict, JsonValue, ValidationError, validate_call

from evaluation.evaluation_settings import MetricChoice
from project.canonical import canonical_json
from project.errors import InputError, plain_words
from project.records.data import Row
from project.records.scores import Better, Ends
from project.settings import setting_error
from project.shown_passages import without_citations

if TYPE_CHECKING:
    from evaluation.generation.answers import Answer

CONVERSATIONS = "conversations"  # what a scorer of whole conversations asks for
HERE = Path(__file__).parents[2]  # where our packages lie
SCORERS = {
    "rouge": "evaluation.metrics.rouge:Rouge",
    "semantic": "evaluation.metrics.semantic:SemanticSimilarity",
    "token_f1": "evaluation.metrics.token_f1:TokenF1",
    "facts": "evaluation.metrics.facts.facts_kept:FactsKept",
    "json": "evaluation.metrics.json_schema:JsonSchema",
    "calls": "evaluation.metrics.tool_call_scores:ToolCallScores",
    "conversation": "evaluation.metrics.conversation_scores:ConversationScores",
    "assertions": "evaluation.metrics.assertions:Assertions",
    "grounding": "evaluation.metrics.grounding:Grounding",
    "macro_f1": "evaluation.metrics.macro_f1:MacroF1",
    "perplexity": "evaluation.metrics.reference_perplexity:ReferencePerplexity",
    "bits_per_byte": "evaluation.metrics.bits_per_byte:BitsPerByte",
    "refusal": "evaluation.metrics.refusal:Refusal",
    "length": "evaluation.metrics.answer_length:AnswerLength",
}


class ScorerColumn(NamedTuple):
    """One entry an item: its type, as `datasets` names it, and where it comes from."""

    type: str
    of: "Callable[[Row, Answer], str | int | float | None]"


def own_words(row: Row, text: str) -> str:
    is_code = text.lstrip()[:1] in ("{", "[") or "```" in text
    return without_citations(text) if row.evidence and not is_code else text


def stands_on(row: Row) -> str:
    """What an answer may stand on beside the question, as an object in JSON."""
    passages = [passage.text for passage in row.evidence or ()]
    told = {"answerable": row.answerable, "calculation": row.calculation, "passages": passages}
    return canonical_json(told).decode()


def calls_due(row: Row, answer: "Answer") -> str:
    """What may be called and what has to be, as an object in JSON; empty without tools."""
    calls = [[call.name, call.arguments] for call in row.calls]
    tools = [tool["function"] for tool in row.tools or ()]
    told = {"tools": tools, "calls": calls, "written": answer.reference}
    return canonical_json(told).decode() if tools else ""


def conversation_had(row: Row, answer: "Answer") -> str:
    """What a conversation was to come to, and what it came to, as an object in JSON."""
    assert row.scenario
    heard = [turn.content for turn in answer.turns or () if turn.role == "assistant"]
    told = {"end": row.scenario.end, "say": row.scenario.say, "heard": heard}
    return canonical_json(told | {"had": answer.end and answer.end.model_dump()}).decode()


COLUMNS = {
    "prompts": ScorerColumn("string", lambda row, _: row.prompt_text),
    # Of rows with passages without the marks that cite these: they are judged by `grounding` alone.
    "predictions": ScorerColumn("string", lambda row, answer: own_words(row, answer.text)),
    "references": ScorerColumn(
        "string", lambda row, answer: own_words(row, answer.reference or row.completion_text)
    ),
    "answers": ScorerColumn("string", lambda _, answer: answer.text),
    "evidence": ScorerColumn("string", lambda row, _: stands_on(row)),
    # Of rows with tools what may be called, what has to be, and how the base writes that.
    "calls": ScorerColumn("string", calls_due),
    # Of rows with a scenario: whoever asks for it scores these alone, and all others the others.
    CONVERSATIONS: ScorerColumn("string", conversation_had),
    "prompt_tokens": ScorerColumn("int64", lambda _, answer: answer.prompt_tokens),
    # Generated, the end token included.
    "tokens": ScorerColumn("int64", lambda _, answer: answer.tokens),
    # What has to hold for the answer, as a list in JSON, and the slices, as an object in JSON.
    "assertions": ScorerColumn("string", lambda row, _: row.assertions_text),
    "slices": ScorerColumn("string", lambda row, _: canonical_json(row.slices).decode()),
    # Mean log-probability of a reference token, in nats.
    "reference_logprobs": ScorerColumn("float64", lambda _, answer: answer.reference_logprob),
    # Of the reference as the system reads it, the end token included.
    "reference_tokens": ScorerColumn("int64", lambda _, answer: answer.reference_tokens),
}


def better_by(scorer: object) -> dict[str, Better]:
    """Which way each of its metrics is better, as far as a scorer's class says."""
    ways: tuple[Better, ...] = ("more", "less", "neither")
    return {name: way for way in ways for name in getattr(scorer, f"{way}_is_better", ())}


@cache
def better_by_ours() -> dict[str, Better]:
    """Which way each metric of our scorers is better.

    Read from the files of their classes: importing them takes libraries that not everybody has.
    """
    return {
        name: way for scorer in map(our_class, SCORERS) for name, way in better_by(scorer).items()
    }


def ranges_by(scorer: object) -> dict[str, Ends]:
    """The least and the most that each of its metrics can be, as far as a scorer's class says."""
    return {name: (low, high) for name, low, high in getattr(scorer, "ranges", ())}


@cache
def ranges_by_ours() -> dict[str, Ends]:
    """The same of all metrics of our scorers."""
    return {
        name: ends for scorer in map(our_class, SCORERS) for name, ends in ranges_by(scorer).items()
    }


@cache
def per_token_by_ours() -> frozenset[str]:
    """The metrics of our scorers that are means over tokens."""
    return frozenset(
        name for scorer in map(our_class, SCORERS) for name in getattr(scorer, "per_token", ())
    )


def our_class(scorer: str) -> SimpleNamespace:
    """What the class of one of SCORERS sets to literal values."""
    module, _, name = SCORERS[scorer].partition(":")
    file = HERE.joinpath(*module.split(".")).with_suffix(".py")
    # What a class sets to literal values, without importing it; nothing if it is not there.
    literals = SimpleNamespace()
    for node in ast.parse(file.read_bytes()).body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            for line in node.body:
                if isinstance(line, ast.Assign | ast.AnnAssign) and line.value:
                    target = line.target if isinstance(line, ast.AnnAssign) else line.targets[0]
                    with suppress(ValueError):  # no literal
                        setattr(literals, ast.unparse(target), ast.literal_eval(line.value))
    return literals


# --- scorer class ---------------------------------------------------------------------------------

# From a scorer's name in params.yaml to an instance: one of ours, or a user's own class.

VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def misfit(at: int, problem: str, *steps: str) -> InputError:
    """An error in the scorer at a position of evaluation.scoring.metrics, with its line."""
    return setting_error(problem, "evaluation", "scoring", "metrics", str(at), *steps)


def class_of(choice: MetricChoice, at: int) -> type[Any]:
    """Import the class that a choice names. Raises InputError where it names none."""
    import evaluate  # takes seconds and brings torch, which only a run of the stage needs

    name, colon, attribute = SCORERS.get(choice.metric, choice.metric).partition(":")
    if not colon:
        known = ", ".join(SCORERS)
        problem = f"no scorer {name!r}; there are {known}, or your own as my_module:MyMetric"
        raise misfit(at, problem)
    try:
        kind = getattr(import_module(name), attribute, None)
    except Exception as error:  # a user's module may fail in any way
        problem = f"{name} does not import: {type(error).__name__}: {error}"
        raise misfit(at, problem) from error
    if (
        not isinstance(kind, type)
        or not issubclass(kind, evaluate.Metric)
        or inspect.isabstract(kind)
    ):
        raise misfit(at, f"{name} has no class {attribute!r} that is an evaluate.Metric")
    return kind


def instance(choice: MetricChoice, at: int, embedder: Path) -> Any:
    """Make the scorer; `embedder` goes to a constructor that has a parameter of that name.

    Raises InputError for an option that the constructor does not know, lacks or cannot use.
    """
    kind = class_of(choice, at)
    import evaluate  # imported late, as in class_of

    # The parameters that a scorer's constructor adds to those of every evaluate.Metric.
    common = inspect.signature(evaluate.Metric.__init__).parameters
    parameters = inspect.signature(kind.__init__).parameters.values()
    known = [p.name for p in parameters if p.name not in common and p.kind not in VARIADIC]
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
        raise misfit(at, plain_words(first["msg"]), "options", *map(str, first["loc"])) from None
    return made


def files(choice: MetricChoice, at: int) -> list[Path]:
    """The files that decide what a scorer gives: a user's own code, and those that options name."""
    code = [] if choice.metric in SCORERS else [Path(inspect.getfile(class_of(choice, at)))]
    return code + named_files(choice)


def named_files(choice: MetricChoice) -> list[Path]:
    """The files that options name: any text that is a file's path."""
    paths = []
    for text in texts_in(choice.options):
        with suppress(OSError, ValueError):  # a text that is too long or too odd for a path
            if Path(text).is_file():
                paths.append(Path(text))
    return paths


def texts_in(value: JsonValue) -> Iterator[str]:
    """All texts in a value, however deep, names of keys left aside."""
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else ():
        yield from texts_in(inner)
    for inner in value if isinstance(value, list) else ():
        yield from texts_in(inner)

"""How the passages of a row are put into its prompt, by a template of the project's.

A row keeps its question and its passages apart: what is compared with other rows is the question
alone. A model is asked with both, in training as in evaluation.
"""

import ast
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import isfinite

from project.paths import INDEX
from project.records.data import EvidencePassage, Message, PassageIndex, Row
from project.records.record import Digest

EVIDENCE_TEMPLATE = "evidence_template.txt"  # in an adapter's folder, where it has one
INDEX_NAME = "index.txt"  # likewise: the digest of the index that its passages are found in
PASSAGES, QUESTION = "{passages}", "{question}"
USUAL = f"""{PASSAGES}

Question: {QUESTION}
Answer by these passages alone, and cite each that you use by its number, as [1]. \
If they do not contain the answer, say that you do not know."""
# How a judge reads a question: what an answer may stand on, and no order what to do with it.
JUDGED_ON = f"Passages that an answer may stand on, by their numbers:\n{PASSAGES}\n\n{QUESTION}"
# Marks by which chat templates and tokenizers tell who speaks, and where a text ends.
CONTROL = re.compile(r"<(?=[|｜/]?[\w ▁/.:-]{1,40}[|｜]?>)|\[(?=/?[A-Z_]{3,24}\])")
LONGEST = 20_000  # characters of a passage that an answer is held against
CITED = re.compile(r"\[(\d{1,3}(?:\s*[,;]\s*\d{1,3})*)\]")


def with_passages(row: Row, template: str | None) -> Row:
    """The row as a contestant is asked it: its last question among its passages. The row itself
    where it has none, or where the contestant shows none.
    """
    if template is None or not row.evidence:
        return row
    return row.model_copy(update={"prompt": asked_on(row.prompt, row.evidence, template)})


def asked_on(
    prompt: Sequence[Message], passages: Sequence[EvidencePassage] | None, template: str | None
) -> tuple[Message, ...]:
    """A prompt whose last question stands among passages, where there are some and a template."""
    places = [i for i, turn in enumerate(prompt) if turn.role == "user"]
    if template is None or not passages or not places:
        return tuple(prompt)
    turns, last = list(prompt), places[-1]
    shown = filled(template, passages, turns[last].content)
    turns[last] = turns[last].model_copy(update={"content": shown})
    return tuple(turns)


def index_shown(template: str | None) -> Digest | None:
    """The index that stage `index` left, for whoever is shown passages at all."""
    if template is None or not INDEX.exists():  # a pipeline from before there was one has none
        return None
    return PassageIndex.read(INDEX).files


def question_of(prompt: Sequence[Message]) -> str:
    """The turn of a prompt that passages are put beside; empty where there is none."""
    return next((turn.content for turn in reversed(prompt) if turn.role == "user"), "")


def all_with_passages(rows: Sequence[Row], template: str | None) -> Sequence[Row]:
    return rows if template is None else [with_passages(row, template) for row in rows]


def filled(template: str, passages: Sequence[EvidencePassage], question: str) -> str:
    """Each passage on a line of its own behind its number; neither may hold a placeholder."""
    numbered = "\n".join(f"[{i}] {harmless(passage.text)}" for i, passage in enumerate(passages, 1))
    parts = {PASSAGES: numbered, QUESTION: question}
    pieces = re.split(f"({re.escape(PASSAGES)}|{re.escape(QUESTION)})", template)
    return "".join(parts.get(piece, piece) for piece in pieces)


def judged_on(prompt: str, passages: Sequence[EvidencePassage] | None) -> str:
    """A question as a judge and a reward model read it; the question alone without passages."""
    return filled(JUDGED_ON, passages, prompt) if passages else prompt


def harmless(text: str) -> str:
    """A passage on one line, with its control tokens broken up: it cannot end its turn."""
    return CONTROL.sub(lambda mark: f"{mark[0]} ", " ".join(text.split()))


def cited(answer: str) -> list[int]:
    """The numbers of the passages that an answer cites, in its order: of "[1, 3]" both."""
    marks = (mark for inside in CITED.findall(answer) for mark in re.split(r"\s*[,;]\s*", inside))
    return list(map(int, marks))


def without_citations(answer: str) -> str:
    """An answer's own words: the marks are no numbers of its own."""
    return re.sub(rf"(?<!\s)\s*{CITED.pattern}", "", answer)


def every_text(row: Row) -> tuple[str, ...]:
    """Prompt, answer, passages and tools: all in which somebody's data may stand."""
    shown = (*row.texts, evidence_text(row.evidence or ()))
    return (*shown, row.tools_text) if row.tools_text else shown


def evidence_text(passages: Iterable[EvidencePassage]) -> str:
    return "\n".join(passage.text[:LONGEST] for passage in passages)


def usable_template(template: str) -> str:
    """The template that a setting means. Raises ValueError where it lacks a place."""
    text = USUAL if template == "default" else template
    if text.count(PASSAGES) != 1 or QUESTION not in text:
        raise ValueError(
            f"has {PASSAGES} {text.count(PASSAGES)} times and {QUESTION} {text.count(QUESTION)}: "
            f"it is a text with {PASSAGES} once and {QUESTION} at least once, or `default`"
        )
    return text


# --- calculation ----------------------------------------------------------------------------------

# How a row reckons a figure that no passage has, such as "850 * 0.045".

MOST_SIGNS = 200
OPERATIONS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def reckoned(calculation: str | None) -> set[float]:
    """The values, without a sign, that an answer may give for a calculation: to the cent, or less
    exactly. None where it cannot be computed.
    """
    try:
        value = abs(value_of(parsed(calculation or "").body))
    except (ValueError, SyntaxError, ArithmeticError, RecursionError, MemoryError):
        return set()
    if not isfinite(value):
        return set()
    return {round(value, 2), round(value, 1), float(round(value))}


def parsed(calculation: str) -> ast.Expression:
    """Raises ValueError and SyntaxError."""
    if len(calculation) > MOST_SIGNS:
        raise ValueError(f"has more than {MOST_SIGNS} signs")
    return ast.parse(calculation.strip(), mode="eval")


def value_of(node: ast.expr) -> float:
    """Sums, differences, products and quotients of numbers. Raises ValueError for all else, and
    ArithmeticError.
    """
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return float(str(node.value))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        return value_of(node.operand) * (-1 if isinstance(node.op, ast.USub) else 1)
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATIONS:
        return OPERATIONS[type(node.op)](value_of(node.left), value_of(node.right))
    raise ValueError("is no arithmetic")

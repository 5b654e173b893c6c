"""Stage `generate`: every system answers the same dev items, each answer made once.

Sealed items are answered by `incumbent submit` alone, after it has counted the look.
"""

import json
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

from evaluation.evaluation_settings import Decoding, FewShot, GenerationParams
from evaluation.generation.answering_engine import answering_numerics, server_kept
from evaluation.generation.answers import SIDES, Respondent, Role, answers_of
from evaluation.generation.contestants import (
    CONVERSATIONS,
    both_contestants,
    record_engine,
    recorded_numerics,
)
from evaluation.generation.conversations import conversation_pin
from evaluation.generation.hosted import items_of, samples_of
from evaluation.generation.retrieved_passages import asked_with
from evaluation.generation.systems import check_out_adapter, from_registry, respondent
from evaluation.suites.every_suite import GENERAL, suites_on
from evaluation.suites.memorisation import NAME, ROWS, asked_rows
from project.bare_base import bare_base
from project.files import staged_folder, write_bytes
from project.model_pins import folder_here
from project.paths import (
    ADAPTER_FILES,
    ANSWERS,
    CHAMPION,
    NUMERICS,
    TOKENS,
    rows_of,
)
from project.records.adapters import Contestant, Numerics, Opponent
from project.records.data import Message, Row, Split, TokenCount
from project.records.record import write_records
from project.settings import load
from project.shown_passages import all_with_passages
from project.tool_rendering import has_tools
from registry.registry_settings import RegistryParams


class AnsweringTask(NamedTuple):
    """The rows of one part that a system answers."""

    role: Role
    respondent: Respondent
    part: str
    rows: Sequence[Row]


MAY_BE_CUT = 0.01  # of the answers of the data: more is worth a warning


def main() -> None:
    counts = TokenCount.read_lines(TOKENS)
    if warning := cut_references(counts, load(Decoding).max_new_tokens):
        print(f"warning: {warning}")
    numerics = answering_numerics()
    with server_kept(), staged_folder(ANSWERS) as draft:
        record_engine(numerics, draft)
        if pin := conversation_pin(load(GenerationParams).conversations):
            write_bytes(draft / CONVERSATIONS, pin.encode())
        asked = [*tasks(numerics), *recall_tasks(draft)]
        answer_ahead(asked)
        for role, system, part, rows in asked:
            answers = system.answers(rows, f"{role}, {part}", samples_of(part))
            write_records(draft / answers_of(role, part).name, answers)


def answer_ahead(asked: Sequence[AnsweringTask]) -> None:
    """On a cluster, answer all parts of a system at once, so that its model is loaded once."""
    for system in {task.respondent.system.digest: task.respondent for task in asked}.values():
        of_system = [task for task in asked if task.respondent.system == system.system]
        parts = [(task.rows, samples_of(task.part)) for task in of_system]
        system.answer_ahead(parts, f"{of_system[0].role}, all parts")


def cut_references(counts: Sequence[TokenCount], limit: int) -> str | None:
    """A warning where a model could not give many of the expected answers whole."""
    cut = sum(count.completion > limit for count in counts)
    if cut <= MAY_BE_CUT * len(counts):
        return None
    longest = max(count.completion for count in counts)
    return (
        f"{cut} of {len(counts)} answers of the data are longer than "
        f"evaluation.decoding.max_new_tokens ({limit}): a model's are cut there, and score less; "
        f"the longest has {longest} tokens"
    )


def tasks(numerics: Numerics) -> list[AnsweringTask]:
    """Champion and challenger answer dev and the suites. The bare base answers the suites but the
    general one, where it is not the champion; where params.yaml asks for it, dev with a few-shot
    prompt.
    """
    dev = items_of(Split.DEV)
    suites = {suite.name: suite.rows() for suite in suites_on()}
    parts = {Split.DEV: dev, GENERAL.name: GENERAL.rows()} | suites
    sides, base = answering_in(numerics), bare_base()
    of_side = dict(zip(SIDES, both_contestants(), strict=True))
    bare = respondent(base, None, load(Decoding), numerics)
    answering = [
        AnsweringTask(role, system, part, shown)
        for role, system in sides.items()
        for part, rows in parts.items()
        for shown in [asked_with(rows, of_side[role]) if part == Split.DEV else rows]
    ]
    if bare.system != sides[Role.CHAMPION].system:
        answering += [AnsweringTask(Role.BASE, bare, part, rows) for part, rows in suites.items()]
    if taught_by(Opponent.read(CHAMPION)):
        answering.append(AnsweringTask(Role.BASE, bare, Split.DEV, asked_with(dev, base)))
    if shots := load(FewShot).shots:
        shown = prompted(asked_with(dev, base), shots, base.evidence_template)
        answering.append(AnsweringTask(Role.FEW_SHOT, bare, Split.DEV, shown))
    return answering


def taught_by(champion: Opponent) -> bool:
    """Whether the challenger learnt from the champion: from its answers among the training rows, or
    token by token. Its gain over the base is then what the base's answers to dev are for.
    """
    if champion.version is None:
        return False
    recipe = ADAPTER_FILES / "recipe.json"
    made: dict[str, Any] = json.loads(recipe.read_bytes()) if recipe.exists() else {}
    taught = (made.get("distill") or {}).get("teacher") or {}
    label = f"{load(RegistryParams).family} v{champion.version}"  # by which its rows are marked
    return taught.get("adapter") == champion.adapter or any(
        row.synthetic == label for row in Row.read_lines(rows_of(Split.TRAIN))
    )


def recall_tasks(draft: Path) -> list[AnsweringTask]:
    """Both sides and the bare base are asked what they remember, where params.yaml wants it; the
    rows that they are asked are left beside their answers.
    """
    count = load(GenerationParams).memorisation
    if not count:
        return []
    rows = asked_rows(count)
    write_records(draft / ROWS.name, rows)
    greedy = load(Decoding).model_copy(update={"temperature": 0.0, "samples": 1})
    champion, challenger = both_contestants()
    systems = {
        role: respondent(who, files, greedy, Numerics.read(NUMERICS), recalls=True)
        for role, who, files in (
            (Role.CHAMPION, champion, check_out_adapter(champion.lora)),
            (Role.CHALLENGER, challenger, ADAPTER_FILES),
            (Role.BASE, bare_base(), None),
        )
    }
    if systems[Role.BASE].system == systems[Role.CHAMPION].system:
        del systems[Role.BASE]
    return [AnsweringTask(role, system, NAME, rows) for role, system in systems.items()]


def answering_in(
    numerics: Numerics, pair: tuple[Contestant, Contestant] | None = None
) -> dict[Role, Respondent]:
    """The two that are compared, of the pipeline or the given ones; their bases may differ."""
    decoding = load(Decoding)
    champion, challenger = pair or both_contestants()
    return {
        Role.CHAMPION: from_registry(champion, decoding, numerics),
        Role.CHALLENGER: respondent(challenger, ADAPTER_FILES, decoding, numerics),
    }


def seconds() -> dict[str, float | None]:
    """The seconds that an answer to the dev part took each system, where they are known."""
    taken: dict[str, float | None] = {}
    for task in tasks(recorded_numerics()):
        if task.part == Split.DEV:
            samples = samples_of(task.part)
            total = task.respondent.seconds(task.rows, samples)
            taken[task.role] = None if total is None else total / (samples * len(task.rows))
    return taken


def weights() -> dict[str, int]:
    """How many weights base and adapter of each side have together, where they lie here."""
    champion, challenger = both_contestants()
    counts: dict[str, int] = {}
    for role, who, files in (
        (Role.CHAMPION, champion, check_out_adapter(champion.lora)),
        (Role.CHALLENGER, challenger, ADAPTER_FILES),
    ):
        base = folder_here(who.base)
        if base and base.is_dir():
            counts[role] = sum(weights_in(folder) for folder in (base, files) if folder)
    return counts


def weights_in(folder: Path) -> int:
    from safetensors import safe_open  # of an extra, which whoever answers by a server lacks

    count = 0
    for file in folder.glob("*.safetensors"):
        with safe_open(file, "numpy") as tensors:
            shapes = [tensors.get_slice(name).get_shape() for name in tensors.offset_keys()]
            count += sum(map(prod, shapes))
    return count


def prompted(rows: Sequence[Row], shots: int, template: str | None = None) -> list[Row]:
    """The rows, each asked after the first training rows of their sources, with their answers;
    where these are for evaluation only, after the first that have tools, or none, as they do.

    A system prompt stays in front, once. The passages of the rows that are shown stand in their
    questions by the template.
    """
    sources, train = {row.source for row in rows}, Row.read_lines(rows_of(Split.TRAIN))
    same_source = [row for row in train if row.source in sources]
    alike = same_source or [row for row in train if has_tools([row]) is has_tools(rows)]
    examples = all_with_passages(alike[:shots], template)
    shown = [m for row in examples for m in (*turns(row), *row.completion)]
    return [
        row.model_copy(update={"prompt": (*system_prompt(row), *shown, *turns(row))})
        for row in rows
    ]


def system_prompt(row: Row) -> list[Message]:
    return [message for message in row.prompt if message.role == "system"]


def turns(row: Row) -> list[Message]:
    return [message for message in row.prompt if message.role != "system"]

"""Stage `generate`: every system answers the same items, each answer made once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evaluation.evaluation_settings import Decoding, FewShot
from evaluation.general_ability.suite import SUITE, read_suite
from evaluation.generation.answers import Respondent, Role, answers_of
from evaluation.generation.systems import from_registry, respondent
from project.files import staged_folder
from project.paths import ADAPTER, ADAPTER_FILES, ANSWERS, BASE, CHAMPION, NUMERICS, rows_of
from project.records.adapters import Adapter, ModelPin, Numerics, Opponent
from project.records.data import Row, Split
from project.records.record import write_records
from project.settings import load

Parts = Mapping[str, Sequence[Row]]


@dataclass(frozen=True)
class Assignment:
    """A system, and the rows that it answers, by part of the evaluation."""

    respondent: Respondent
    parts: Parts


def main() -> None:
    with staged_folder(ANSWERS) as draft:
        for name, assigned in assignments().items():
            for part, rows in assigned.parts.items():
                answers = assigned.respondent.answers(rows, f"{name}, {part}")
                write_records(draft / answers_of(name, part).name, answers)


def assignments() -> dict[Role, Assignment]:
    """Who answers what: champion and challenger all parts, the others the sealed one.

    The regression baseline answers where it is another than the champion, the base with a few-shot
    prompt where params.yaml asks for it.
    """
    base, opponent = ModelPin.read(BASE), Opponent.read(CHAMPION)
    numerics = Numerics.read(NUMERICS)
    decoding, few_shot = load(Decoding), load(FewShot)
    parts: dict[str, Sequence[Row]] = {
        part: Row.read_lines(rows_of(part)) for part in (Split.DEV, Split.SEALED)
    }
    sealed: Parts = {Split.SEALED: parts[Split.SEALED]}
    parts["general"] = [item.row for item in read_suite(SUITE)]
    made = Adapter.read(ADAPTER).files
    champion = from_registry(base, opponent.adapter, decoding, numerics)
    challenger = respondent(base, made, ADAPTER_FILES, decoding, numerics)
    assigned = {
        Role.CHAMPION: Assignment(champion, parts),
        Role.CHALLENGER: Assignment(challenger, parts),
    }
    if opponent.reference:
        reference = from_registry(base, opponent.reference, decoding, numerics)
        assigned[Role.REFERENCE] = Assignment(reference, sealed)
    if few_shot.shots:
        asked: Parts = {Split.SEALED: prompted(sealed[Split.SEALED], few_shot.shots)}
        bare = respondent(base, None, None, decoding, numerics)
        assigned[Role.FEW_SHOT] = Assignment(bare, asked)
    return assigned


def seconds() -> dict[str, float | None]:
    """The seconds that an answer to the sealed part took each system, where they are known."""
    taken: dict[str, float | None] = {}
    for name, assigned in assignments().items():
        rows = assigned.parts[Split.SEALED]
        total = assigned.respondent.seconds(rows)
        taken[name] = None if total is None else total / len(rows)
    return taken


def prompted(rows: Sequence[Row], shots: int) -> list[Row]:
    """The rows, each asked after the first training rows of their sources, with their answers."""
    sources = {row.source for row in rows}
    train = [row for row in Row.read_lines(rows_of(Split.TRAIN)) if row.source in sources]
    shown = tuple(message for row in train[:shots] for message in (*row.prompt, *row.completion))
    return [row.model_copy(update={"prompt": shown + row.prompt}) for row in rows]

"""Argilla's records: nested, as `to_json` writes them, or flat, as a list or a data set has them.

Suggestions are never read: a model made them. The nested form does not say which responses were
submitted, and which are drafts or were discarded.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from curation.curation_settings import ExportFields
from curation.sources.exports.answered_task import AnsweredTask, ControlAnswer, unread
from curation.sources.exports.export_judgements import ExportJudgements, judge
from curation.sources.exports.export_records import Export, ExportRecord, Fields
from curation.sources.exports.shown import (
    DISCARDED,
    DRAFT,
    NO_ANNOTATION,
    NO_RESULT,
    TaskJudgement,
)
from curation.sources.tables.json_nesting import are_spans

RESPONSES, USERS, STATUS = ".responses", ".responses.users", ".responses.status"
NOT_DATA = (RESPONSES, USERS, STATUS, ".suggestion", ".suggestion.agent", ".suggestion.score")
ABOUT = frozenset({"id", "status", "_server_id", "inserted_at", "updated_at", "score"})
NO_STATUS = (
    "this export does not say which responses were submitted: drafts and discarded ones among them "
    "are taken too. A flat export has their status: dataset.records.to_list(flatten=True)"
)


@dataclass(frozen=True)
class ArgillaResponse:
    """What a user answered to a question; without a status where the export has none."""

    question: str
    value: Any
    user: str | None
    status: str | None


def judge_argilla(export: Export, fields: ExportFields) -> ExportJudgements:
    """Of every user's responses to every record what was made of them.

    Raises InputError as judge_label_studio does.
    """
    export.refuse_csv()
    answered = [task for record in export.records for task in answers_of(record)]
    judged = judge(answered, fields, export.path)
    responses = (response for record in export.readable for response in responses_of(record))
    # Drafts may be among the answers, where the export does not tell.
    notes = [NO_STATUS] if any(response.status is None for response in responses) else []
    return replace(judged, notes=(*judged.notes, *notes))


def looks_like_argilla(records: Sequence[Fields]) -> bool:
    """Nested ones, or flat ones, of which a field ends in the users of a question."""
    return bool(records) and all(
        is_nested(record) or any(name.endswith(USERS) for name in record) for record in records
    )


def is_nested(record: Fields) -> bool:
    return isinstance(record.get("fields"), dict) and isinstance(record.get("responses"), dict)


def answers_of(record: ExportRecord) -> Iterator[AnsweredTask]:
    """What each user said of a record, by the question."""
    if record.fields is None:
        yield unread(record)
        return
    name = record.fields.get("id")
    task = str(name) if isinstance(name, str | int) else None
    bare = TaskJudgement(record.file, record.line, task=task)
    by_user: dict[str | None, list[ArgillaResponse]] = {}
    for response in responses_of(record.fields):
        by_user.setdefault(response.user, []).append(response)
    if not by_user:
        yield AnsweredTask(replace(bare, why=NO_ANNOTATION))
    for user, responses in by_user.items():
        yield answer(replace(bare, annotator=user), data_of(record.fields), responses)


def answer(
    judgement: TaskJudgement, data: Fields, responses: Sequence[ArgillaResponse]
) -> AnsweredTask:
    taken = [response for response in responses if response.status in (None, "submitted")]
    if not taken:
        why = DRAFT if any(response.status == "draft" for response in responses) else DISCARDED
        return AnsweredTask(replace(judgement, why=why))
    unsupported = {r.question: "spans" for r in taken if are_spans(r.value)}
    answers = [r for r in taken if r.question not in unsupported]
    by_question = {r.question: held for r in answers if (held := argilla_answer(r.value))}
    judgement = judgement if by_question else replace(judgement, why=NO_RESULT)
    return AnsweredTask(judgement, data, by_question, unsupported=unsupported)


def data_of(record: Fields) -> Fields:
    if is_nested(record):
        return dict(record["fields"])
    return {
        name: value
        for name, value in record.items()
        if name not in ABOUT and not name.endswith(NOT_DATA)
    }


def responses_of(record: Fields) -> Iterator[ArgillaResponse]:
    if not is_nested(record):
        yield from flat_responses(record)
        return
    for question, several in record["responses"].items():  # {question: [{value, user_id}]}
        for entry in objects(several):
            status = entry.get("status")
            told = status if isinstance(status, str) else None
            yield ArgillaResponse(question, entry.get("value"), user_of(entry), told)


def flat_responses(record: Fields) -> Iterator[ArgillaResponse]:
    """Lists side by side: Q.responses, Q.responses.users and Q.responses.status."""
    for name in record:
        if not name.endswith(RESPONSES):
            continue
        question = name.removesuffix(RESPONSES)
        users, statuses = (list_or_none(record.get(question + end)) for end in (USERS, STATUS))
        for place, value in enumerate(list_or_none(record[name])):
            user = users[place] if place < len(users) else None
            status = statuses[place] if place < len(statuses) else None
            told = status if isinstance(status, str) else None
            yield ArgillaResponse(question, value, user_of({"user_id": user}), told)


def list_or_none(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def objects(value: object) -> list[Fields]:
    return [element for element in list_or_none(value) if isinstance(element, dict)]


def user_of(response: Fields) -> str | None:
    """The user's id; to_json writes None as a text."""
    user = response.get("user_id")
    return user if isinstance(user, str) and user not in ("", "None") else None


def argilla_answer(value: Any) -> ControlAnswer | None:
    """A text or a label, a rating, several labels, or a ranking."""
    if isinstance(value, str):
        return ControlAnswer("text", ((value.strip(),),)) if value.strip() else None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return ControlAnswer("rated", ((f"{value:g}",),))
    if not isinstance(value, list) or not value:
        return None
    if all(isinstance(label, str) for label in value):
        return ControlAnswer("several", tuple((label.strip(),) for label in value))
    return ranking(objects(value))


def ranking(places: Sequence[Fields]) -> ControlAnswer | None:
    """[{value, rank}], where several may have one rank."""
    by_rank: dict[int, list[str]] = {}
    for place in places:
        name, rank = place.get("value"), place.get("rank")
        if isinstance(name, str) and type(rank) is int:
            by_rank.setdefault(rank, []).append(name)
    return (
        ControlAnswer("ranked", tuple(tuple(by_rank[rank]) for rank in sorted(by_rank)))
        if by_rank
        else None
    )

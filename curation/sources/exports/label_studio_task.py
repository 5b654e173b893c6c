"""A task of Label Studio's JSON export, as far as people's annotations go.

Its drafts and predictions are never looked at: nobody submitted the ones, and a model, or a user,
wrote the others.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AliasChoices, BeforeValidator, ConfigDict, Field

from curation.curation_settings import ExportFields
from curation.sources.exports.answered_task import ControlAnswer
from curation.sources.exports.export_records import Fields
from project.records.record import Record


def nothing_if_null(value: object) -> object:
    return () if value is None else value


MARKS = "marks on images, sound or video"
OTHER_KINDS = {
    "relation": "relations",
    **dict.fromkeys(("labels", "hypertextlabels", "paragraphlabels", "paragraphs"), "spans"),
    "taxonomy": "taxonomies",
    "number": "numbers",
    "datetime": "dates",
}
# What a value holds that is said of a part of what is shown.
REGION = frozenset({"start", "end", "startOffset", "x", "y", "points", "rle", "sequence"})


class ExportPart(Record):
    """A part of an export; the fields that do not matter here are left aside."""

    model_config = ConfigDict(extra="ignore")


class Result(ExportPart):
    """What one control holds."""

    from_name: str | None = None
    type: str | None = None
    value: Annotated[dict[str, Any], BeforeValidator(lambda value: value or {})] = Field(default={})

    @property
    def unsupported(self) -> str | None:
        """The kind of what is not read: a row has an answer to a whole text."""
        kind = (self.type or "").casefold()
        if kind in OTHER_KINDS or kind.endswith("labels") or "original_width" in self.value:
            return OTHER_KINDS.get(kind, MARKS)
        return "answers about a part of a text" if REGION & self.value.keys() else None

    @property
    def texts(self) -> tuple[str, ...]:
        """What was written into a text area; a labelled span of a text has a text too."""
        text = self.value.get("text")
        if isinstance(text, str) and self.type == "textarea":
            return (text,)
        return tuple(one for one in text if isinstance(one, str)) if isinstance(text, list) else ()


class LabelStudioUser(ExportPart):
    """A user, where the export writes them out."""

    id: int | str | None = None
    email: str | None = None


class Annotation(ExportPart):
    """What one person submitted, or cancelled: its result may be filled in both cases."""

    id: int | str | None = None
    result: Annotated[tuple[Result, ...], BeforeValidator(nothing_if_null)] = ()
    was_cancelled: bool | None = None
    skipped: bool | None = None  # as it was called before version 1.0
    completed_by: int | str | LabelStudioUser | None = None
    created_at: int | float | str | None = None
    updated_at: int | float | str | None = None

    @property
    def cancelled(self) -> bool:
        return bool(self.was_cancelled or self.skipped)

    def annotator(self, file: str) -> str | None:
        """The e-mail address, or the number with the file: every local install has a user 1."""
        person = self.completed_by
        if isinstance(person, LabelStudioUser):
            person = person.email or person.id
        return f"{file}:{person}" if isinstance(person, int) else person or None


class AnnotatedTask(ExportPart):
    """A task's annotations, which were called completions before version 1.0."""

    id: int | str | None = None
    annotations: Annotated[
        tuple[Annotation, ...],
        BeforeValidator(nothing_if_null),
        Field(validation_alias=AliasChoices("annotations", "completions")),
    ] = ()

    @property
    def answer(self) -> str | None:
        """What was written first."""
        texts = (
            text.strip()
            for annotation in self.annotations
            if not annotation.cancelled
            for result in annotation.result
            for text in result.texts
        )
        return next(filter(None, texts), None)


class LabelStudioTask(AnnotatedTask):
    """A task of anybody's, whose data may hold anything."""

    data: dict[str, Any]


# --- label studio values --------------------------------------------------------------------------

# What a control of Label Studio holds: texts, choices, a rating, a side, a ranking or buckets.

BODIES = ("body", "text", "html", "title")  # of an item of a list


def label_studio_answer(
    value: Fields, texts: tuple[str, ...], control: str
) -> ControlAnswer | None:
    """What a value says, if it is a text, a choice, a rating, a side, or a ranking."""
    if texts:
        return ControlAnswer.wrote(texts)
    if isinstance(value.get("choices"), list):
        return ControlAnswer.chose(one for one in value["choices"] if isinstance(one, str))
    if isinstance(value.get("selected"), str):
        return ControlAnswer("side", ((value["selected"],),))
    if type(value.get("rating")) is int:
        return ControlAnswer("rated", ((str(value["rating"]),),))
    ranker = value.get("ranker")
    return ranking(ranker, control) if isinstance(ranker, dict) else None


def ranking(ranker: Mapping[str, Any], control: str) -> ControlAnswer:
    """The ids, best first, under the control's own name; or buckets of them, "_" the rest."""
    lists = {name: ids_of(value) for name, value in ranker.items()}
    if set(lists) == {control}:
        return ControlAnswer("ranked", tuple((name,) for name in lists[control]))
    buckets = {name: ids for name, ids in lists.items() if name != "_" and ids}
    return ControlAnswer("sorted", tuple(buckets.values()), tuple(buckets))


def ids_of(value: object) -> tuple[str, ...]:
    ids = value if isinstance(value, list) else []
    return tuple(str(one) for one in ids if isinstance(one, str | int))


def items(data: Fields, said: Mapping[str, ControlAnswer], fields: ExportFields) -> dict[str, str]:
    """The texts of a list's items by their ids, where answers in a list were ranked."""
    if not any(one.kind in ("ranked", "sorted") for one in said.values()):
        return {}
    names = [fields.completion] if fields.completion else list(data)
    wanted = {name for one in said.values() if one.kind != "chosen" for name in one.flat}
    lists = [texts for name in names if (texts := texts_by_id(data.get(name)))]
    fitting = [texts for texts in lists if wanted <= set(texts)]
    return fitting[0] if len(fitting) == 1 else {}


def texts_by_id(value: object) -> dict[str, str]:
    """Of a list of items, which are objects with an id and a text."""
    found = {}
    for item in value if isinstance(value, list) else []:
        if isinstance(item, dict) and isinstance(item.get("id"), str | int):
            texts = (item.get(name) for name in BODIES)
            text = next((text for text in texts if isinstance(text, str) and text.strip()), None)
            if text:
                found[str(item["id"])] = text.strip()
    return found

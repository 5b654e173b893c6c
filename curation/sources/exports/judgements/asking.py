"""What has to be named before an export can be read, and the errors that ask for it."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from curation.curation_settings import ExportFields
from curation.sources.exports.export_records import Fields
from curation.sources.exports.judgements.answered import Answered
from curation.sources.exports.judgements.good_or_bad import (
    BAD_WORDS,
    GOOD_WORDS,
    Praise,
    plain,
    praise,
)
from curation.sources.exports.judgements.said import CHOICES, COMPARED, Said
from curation.sources.exports.judgements.shown import texts_in
from curation.sources.tables.column_names import listed
from project.errors import InputError


def the_control(everything: Iterable[Answered], fields: ExportFields, path: Path) -> str:
    """The one that is named, or that alone is there; "" where nobody said anything."""
    names = list(dict.fromkeys(name for answered in everything for name in answered.said))
    if fields.control:
        if names and fields.control not in names:
            problem = f"no such control; people used {listed(names)}"
            raise InputError(problem, file=path, field=fields.control)
        return fields.control
    if len(names) > 1:
        problem = f"name --control NAME: people used {listed(names)}"
        raise InputError(problem, file=path)
    return names[0] if names else ""


def refuse_without_answers(
    everything: Iterable[Answered], control: str, fields: ExportFields, path: Path
) -> None:
    """Raise InputError where answers were compared, and no task shows them by their names."""
    compared = [a for a in everything if control in a.said and a.said[control].kind in COMPARED]
    if compared and not fields.answers and not any(answered.answers for answered in compared):
        names = sorted({name for answered in compared for name in answered.said[control].flat})
        problem = f"name --answer NAME=FIELD for each of {listed(names)}, which people compared"
        raise InputError(f"{problem}: {there(compared)}", file=path)


def there(everything: Iterable[Answered]) -> str:
    names = list(dict.fromkeys(name for answered in everything for name in answered.task))
    return f"this export has {listed(names)}" if names else "this export has no fields"


def refuse_strange_choices(everything: Sequence[Said], fields: ExportFields, path: Path) -> None:
    """Raise InputError where no choice at all is the name of an answer: all would be ties."""
    choices = sorted({name for said in everything for name in said.flat})
    if fields.answers and choices and not set(choices) & set(fields.answers):
        problem = f"people chose {listed(choices)}: name the answer that each stands for"
        raise InputError(problem, file=path, field="answers")


def refuse_praise_of_prompts(
    everything: Sequence[Said], tasks: Sequence[Fields], fields: ExportFields, path: Path
) -> None:
    """Raise InputError for "good" and "bad" as classes of prompts that an answer may be beside."""
    others = [name for name in texts_in(tasks) if name not in (*fields.prompt, *fields.slices)]
    classes = [said for said in everything if said.kind in CHOICES]
    if fields.completion or fields.answers or fields.options or not others or not classes:
        return
    words = {plain(choice) for said in classes for choice in said.flat}
    if words <= GOOD_WORDS | BAD_WORDS:
        problem = (
            f"name --completion FIELD, if people judged one of {listed(others)}; or --options "
            "classes, if they judged the prompt"
        )
        raise InputError(problem, file=path)


def words_for(everything: Sequence[Said], fields: ExportFields, path: Path) -> Praise | None:
    """What tells good answers from bad ones, where answers were judged, or sorted into buckets."""
    buckets = [said for said in everything if said.kind == "sorted"]
    judged_ones = [said for said in everything if said.kind in CHOICES]
    if not buckets and (not fields.completion or not judged_ones):
        return None
    choices = [choice for said in judged_ones for choice in said.flat]
    names = [name for said in buckets for name in said.buckets]
    scale = any(said.kind == "rated" for said in judged_ones)
    return praise(fields, [*choices, *names], path, scale=scale)

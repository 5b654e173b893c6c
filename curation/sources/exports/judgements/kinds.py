"""What was written and what was chosen, what was labelled and what was ranked, told apart."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from curation.curation_settings import ExportFields
from curation.sources.exports.judgements.said import Kind, Said
from curation.sources.tables.column_names import listed
from project.errors import InputError

LONGEST_CHOICE = 60  # characters; a longer text was written


def kinds_of(everything: Sequence[Said], fields: ExportFields, path: Path) -> Mapping[Kind, Kind]:
    """What texts and lists of texts are that a control holds.

    Raises InputError for lists that could be labels or a ranking.
    """
    texts = [said for said in everything if said.kind == "text"]
    lists = [said for said in everything if said.kind == "several"]
    several: Kind = "ranked" if fields.answers else "chosen"
    if lists and not fields.answers and fields.options != "classes":
        refuse_rankings(lists, path)
    return {"text": "written" if are_written(texts, fields) else "chosen", "several": several}


def are_written(texts: Iterable[Said], fields: ExportFields) -> bool:
    """A judgement of an answer is chosen, however long its words are."""
    if fields.answers or fields.completion:
        return False
    return any(len(text) > LONGEST_CHOICE for said in texts for text in said.flat)


def refuse_rankings(lists: Sequence[Said], path: Path) -> None:
    """Raise InputError where all lists hold the same texts: that is what rankings do."""
    different = {frozenset(said.flat) for said in lists}
    if len(different) == 1 and len(lists[0].values) > 1:
        names = listed(lists[0].flat)
        problem = (
            f"name --answer NAME=FIELD for each of {names} if people ranked them, or --options "
            "classes if they chose them"
        )
        raise InputError(problem, file=path)


def told(said: Said, kinds: Mapping[Kind, Kind]) -> Said:
    return replace(said, kind=kinds.get(said.kind, said.kind))

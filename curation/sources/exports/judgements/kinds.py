"""What was written and what was chosen, what was labelled and what was ranked, told apart."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from curation.curation_settings import ExportFields
from curation.sources.exports.judgements.said import Kind, Said

LONGEST_CHOICE = 60  # characters; a longer text was written, and so was a sentence
SENTENCE_ENDS = (".", "!", "?", "。", "！", "？")


def kinds_of(everything: Sequence[Said], fields: ExportFields) -> Mapping[Kind, Kind]:
    """What texts and lists of texts are that a control holds."""
    texts = [said for said in everything if said.kind == "text"]
    several: Kind = "ranked" if fields.answers else "chosen"
    return {"text": "written" if are_written(texts, fields) else "chosen", "several": several}


def are_written(texts: Iterable[Said], fields: ExportFields) -> bool:
    """A judgement of an answer is chosen, however long its words are."""
    if fields.answers or fields.completion:
        return False
    return any(
        len(text) > LONGEST_CHOICE or (" " in text and text.endswith(SENTENCE_ENDS))
        for said in texts
        for text in said.flat
    )


def could_be_rankings(everything: Iterable[Said], fields: ExportFields) -> bool:
    """Whether lists, which may be labels, all hold the same texts: that is what rankings do."""
    lists = [said for said in everything if said.kind == "several"]
    different = {frozenset(said.flat) for said in lists}
    is_open = not fields.answers and fields.options != "classes"
    return is_open and len(different) == 1 and len(lists[0].values) > 1


def told(said: Said, kinds: Mapping[Kind, Kind]) -> Said:
    return replace(said, kind=kinds.get(said.kind, said.kind))

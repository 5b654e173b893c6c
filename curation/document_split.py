"""Rows on passages go where their document goes, so that items are about texts nobody learnt.

Kinship would tie documents that are asked alike, and all of them would end in one part. So the
document alone decides, and a row that would be known from another part leaves the less secret one.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from curation.account import OF_UNSEEN
from curation.checks.relevance import leaving
from curation.curation_settings import CurateParams
from curation.kinship import KinFamilies, families_of_kin
from project.near_duplicates import SIMILARITY
from project.records.data import EvidencePassage, Row, Split, counted
from project.shown_passages import cited

Parts = dict[Split, list[Row]]

DOCUMENT = "document: "  # begins the group of a row that goes where its document goes
SCENARIO = "scenario: "  # begins that of a scenario, which no kinship ties to a row for training


def documents_of_row(row: Row) -> tuple[str, ...]:
    """The documents of the passages that the answer cites, in this order, else of the first."""
    passages = row.evidence or ()
    places = [n for n in cited(row.completion_text) if 0 < n <= len(passages)] or [1]
    return tuple(dict.fromkeys(document_of(passages[n - 1], n) for n in places if passages))


def document_of(passage: EvidencePassage, number: int) -> str:
    """Its source, else its id; a passage that is merely numbered is known by what it says."""
    if passage.source:
        return passage.source
    return " ".join(passage.text.split()) if passage.id == str(number) else passage.id


def by_documents(rows: Sequence[Row], params: CurateParams) -> list[Row]:
    """The rows, each on passages with its document as group, where documents are dealt; scenarios
    in groups of their own.
    """

    def group(row: Row) -> str:
        if row.scenario:
            return f"{SCENARIO}{row.group}"
        dealt = params.split_by == "source" and row.evidence
        return document_groups(row)[0] if dealt else row.group

    named = zip(rows, map(group, rows), strict=True)
    return [
        row if name == row.group else row.model_copy(update={"group": name}) for row, name in named
    ]


def is_of_document(row: Row, params: CurateParams) -> bool:
    """Whether a row goes where its document goes."""
    return params.split_by == "source" and row.group.startswith(DOCUMENT)


def is_dealt_by_group(row: Row, params: CurateParams) -> bool:
    """Whether a row goes where its group goes, whatever it asks."""
    return row.scenario is not None or is_of_document(row, params)


def dealt_families(
    rows: Sequence[Row],
    params: CurateParams,
    among: Sequence[Row] = (),
    joining_none: Collection[str] = (),
) -> KinFamilies:
    """As families_of_kin has them; but a document's rows are a family, whatever they ask."""
    apart = [i for i, row in enumerate(rows) if not is_dealt_by_group(row, params)]
    apart_rows = [rows[i] for i in apart]
    kin = families_of_kin(apart_rows, SIMILARITY, among, joining_none, params.train_only)
    names, cut = [row.group for row in rows], [False] * len(rows)
    for i, name, is_cut in zip(apart, *kin, strict=True):
        names[i], cut[i] = name, is_cut
    return KinFamilies(names, cut)


def apart_by_documents(
    parts: Parts, groups: Mapping[str, str], held: Collection[str], params: CurateParams
) -> tuple[Parts, dict[str, str]]:
    """Where documents are dealt: the parts without rows that would be known from a more secret
    part, and why these leave. Kinship ties no documents, so dev is held against sealed here.
    """
    if params.split_by != "source":
        return parts, {}
    # By id, why rows leave: one of their documents, or the group that they came with, is in a more
    # secret part too.
    left_out: dict[str, str] = {}
    kept = set[str]()
    for part in (Split.SEALED, Split.DEV, Split.TRAIN):
        ties = {row.id: {groups[row.id], *document_groups(row)} for row in parts[part]}
        gone = {name for name, tied in ties.items() if tied & kept and name not in held}
        left_out |= dict.fromkeys(gone, OF_UNSEEN)
        kept |= {group for name, tied in ties.items() if name not in gone for group in tied}
    parts = without(parts, left_out)
    asked = {Split.TRAIN: parts[Split.DEV], Split.DEV: [], Split.SEALED: parts[Split.SEALED]}
    stay = {row.id for row in parts[Split.DEV] if row.id in held}
    left_out |= leaving(asked, (), params.train_only, stay)
    return without(parts, left_out), left_out


def without(parts: Parts, gone: Collection[str]) -> Parts:
    return {part: [row for row in rows if row.id not in gone] for part, rows in parts.items()}


def passage_lines(parts: Mapping[Split, Sequence[Row]], params: CurateParams) -> Iterator[str]:
    """How many documents each part is about, and how often training shows those of items."""
    about = {
        part: Counter(name for row in rows for name in documents_of_row(row))
        for part, rows in parts.items()
    }
    every = set().union(*about.values())
    if params.split_by != "source" or not every:
        return
    sizes = ", ".join(f"{len(documents)} {part}" for part, documents in about.items())
    yield f"{counted(len(every), 'document')}: {sizes}"
    kept = set(about[Split.DEV]) | set(about[Split.SEALED])
    shown = [
        {document_of(passage, number) for number, passage in enumerate(row.evidence or (), start=1)}
        for row in parts[Split.TRAIN]
    ]
    if beside := sum(not kept.isdisjoint(documents) for documents in shown):
        yield f"training rows that show a passage of dev's or sealed's beside their own: {beside}"


def document_groups(row: Row) -> tuple[str, ...]:
    return tuple(f"{DOCUMENT}{name}" for name in documents_of_row(row))

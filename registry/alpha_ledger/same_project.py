"""Which families of a registry are of one project: their looks are at the rows of one table.

A family's name is a word in params.yaml. Were its looks counted alone, another name would be a way
to look again. So rows tell: families are of one project where they share prompts that they were
trained on or asked.
"""

from sqlalchemy import Connection, select

from project.near_duplicates import WordPrints, near_duplicates_among
from project.records.events import LookTaken, Submission
from project.records.record import Digest
from registry.artifacts.artifact_store import Artifacts
from registry.storage.event_chain import event_of
from registry.storage.tables import events

SHARED = 0.1  # of the prompts of the one that has fewer: more in common is no chance
COMPARED = 2_000  # of its prompts


def families_of_project(
    connection: Connection, artifacts: Artifacts, family: str, asked: WordPrints
) -> list[str]:
    """The other families that took looks, and share rows with one that is about to be asked these
    prompts.
    """
    own = WordPrints.joined([asked, *prompts_of(connection, artifacts, family)])
    query = select(events.c.family).where(
        events.c.kind == LookTaken.kind, events.c.family != family
    )
    others = connection.execute(query.distinct().order_by(events.c.family)).scalars().all()
    return [
        other
        for other in others
        if share_rows(own, WordPrints.joined(prompts_of(connection, artifacts, other)))
    ]


def share_rows(own: WordPrints, theirs: WordPrints) -> bool:
    fewer, more = sorted((own, theirs), key=lambda side: len(side.texts))
    some = fewer.at(range(min(COMPARED, len(fewer.texts))))
    return len(near_duplicates_among(some, more)) > SHARED * len(some.texts)


def prompts_of(connection: Connection, artifacts: Artifacts, family: str) -> list[WordPrints]:
    """What a family's newest version was trained on, and what its newest look asked; what was
    erased, or never recorded, is missing.
    """
    found: list[Digest | None] = []
    for kind in (Submission.kind, LookTaken.kind):
        query = select(events).where(events.c.family == family, events.c.kind == kind)
        row = connection.execute(query.order_by(events.c.seq.desc()).limit(1)).first()
        match event_of(row).detail if row else None:
            case Submission(trained_on=digest) | LookTaken(prompts=digest):
                found.append(digest)
    there = (digest for digest in found if digest and artifacts.blobs.exists(digest))
    return [artifacts.get_record(WordPrints, digest) for digest in there]

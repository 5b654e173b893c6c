"""When the version answered users, on which replicas, and what could not be deployed."""

from collections.abc import Iterator

from project.records.data import counted
from review.dossier.document import Block
from review.dossier.version_records import VersionRecords
from review.dossier.words import listed, score
from review.traffic.deployed import DeployedTime

CHECKED = (
    "Traffic moves to a version only after replicas loaded it and passed its golden prompts: their "
    "answers must differ from the bare base's and be like those that the version was judged by. "
    "The agreement is the mean share of an answer that was the same, on the replica where it was "
    "least; where there is none, no judged answers were kept on the gateway's machine."
)


def deployment_blocks(records: VersionRecords) -> Iterator[Block]:
    yield answered_block(records)
    yield failure_block(records)


def answered_block(records: VersionRecords) -> Block:
    """The times in which it answered the champion's requests, the newest first."""
    times = records.traffic.deployments if records.traffic else ()
    return Block(
        title="When it answered users as the champion",
        text=(traffic_text(records), *([CHECKED] if times else [])),
        columns=("From", "Until", "Engine", "Replicas", ">Golden prompts", ">Agreement"),
        rows=tuple(map(time_row, times)),
    )


def traffic_text(records: VersionRecords) -> str:
    """In a sentence, whether users get its answers now."""
    found = records.traffic
    if found is None:
        return "No gateway has told of this family: no version is known to have answered users."
    if found.answers and found.champion:
        return "It answers the champion's requests."
    if found.answers:
        return "It still answers the champion's requests, and is not the champion any more."
    if found.champion:
        return "It is the champion, and the traffic has not moved to it."
    if found.deployments:
        return "It does not answer the champion's requests any more."
    return "It never answered the champion's requests."


def time_row(one: DeployedTime) -> tuple[str, ...]:
    until, replicas = one.until or "now", listed(one.replicas)
    return (one.since, until, one.engine, replicas, f"{one.golden:,}", score(one.agreement))


def failure_block(records: VersionRecords) -> Block:
    """What failed, the newest first."""
    found = records.traffic
    failures, older = (found.failures, found.failures_before) if found else ((), 0)
    more = f"{counted(older, 'older failure')}: `incumbent history` has them all."
    return Block(
        title="Deployments that failed",
        text=(more,) if older else (),
        columns=("At", "What failed", "Why"),
        rows=tuple((one.at, one.words, one.reason) for one in failures),
    )


def engines(records: VersionRecords) -> tuple[str, ...]:
    """The engines that answered users with it, each once, the newest first."""
    times = records.traffic.deployments if records.traffic else ()
    return tuple(dict.fromkeys(one.engine for one in times))

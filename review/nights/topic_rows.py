"""The rows of the labelling queue that a night's topic is about."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from pydantic import ValidationError

from monitoring.signals.prompt_words import beginning, name_words, words_of
from monitoring.trigger.labels import TASKS, Data
from project.errors import InputError
from project.records.drift import Topic
from project.records.record import Record, invalid, read_input


class QueueRow(Record):
    """A prompt that waits for its right answer."""

    place: int  # among those that wait, from 1
    id: str | None  # of the request that it was sent in
    prompt: str
    response: str | None
    drift: str | None  # the day on which the drift began that it is about
    corrected: bool  # whether a user wrote what the response should have been
    shared: tuple[str, ...]  # the topic's typical words that are in it


class TopicRows(Record):
    """What of the queue is about a topic, the most typical first, and how much else is in it."""

    rows: tuple[QueueRow, ...]
    others: int


def rows_on(topic: Topic, queue: Path, accepted: Collection[str] = ()) -> TopicRows:
    """The queue's rows that are about a topic and still wait: its own exemplars, then those that
    have its typical words, the more the earlier. The queue keeps no topics: the words have to tell.

    Prompts in `accepted` have their answer already. Raises InputError for a queue that cannot be
    read.
    """
    tasks = [data for data in read_queue(queue) if data.prompt_text not in accepted]
    own = [row for row in rows_of(tasks, topic) if row.shared or shown_for(topic, row.prompt)]
    own.sort(key=lambda row: (not shown_for(topic, row.prompt), -len(row.shared), row.place))
    return TopicRows(rows=tuple(own), others=len(tasks) - len(own))


def read_queue(queue: Path) -> Sequence[Data]:
    """What is to be labelled; nothing where no queue was written yet."""
    if not queue.exists():
        return ()
    try:
        return [task.data for task in TASKS.validate_json(read_input(queue))]
    except ValidationError as error:
        problem = f"{invalid(error, queue)}; the next night that asks for labels writes it anew"
        raise InputError(problem) from None


def rows_of(tasks: Sequence[Data], topic: Topic) -> Iterator[QueueRow]:
    typical = name_words(topic.name)
    for place, data in enumerate(tasks, start=1):
        there = set(words_of(data.prompt_text))
        yield QueueRow(
            place=place,
            id=data.id if isinstance(data.id, str) else None,
            prompt=data.prompt_text,
            response=data.response,
            drift=data.drift,
            corrected=data.corrected,
            shared=tuple(word for word in typical if word in there),
        )


def shown_for(topic: Topic, prompt: str) -> bool:
    """Whether a prompt is one of those that were chosen to show the topic by."""
    return beginning(prompt) in topic.exemplars

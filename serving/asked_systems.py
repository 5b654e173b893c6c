"""Who is asked dev items for the report, and their answers: those that are cached, or new ones."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

from evaluation.evaluation_settings import Decoding, Prices
from evaluation.generate import prompted
from evaluation.generation import hosted
from evaluation.generation.answers import Answer, Respondent
from evaluation.generation.backends.backend import ChatRequest
from evaluation.generation.backends.chat_server import ChatServer, ask_together
from evaluation.generation.contestants import recorded_numerics
from evaluation.generation.retrieved_passages import asked_with
from evaluation.generation.systems import from_registry
from project.bare_base import bare_base
from project.canonical import digest_json
from project.errors import IncumbentError, InputError
from project.files import home
from project.paths import rows_of
from project.progress import progress
from project.records.adapters import AdapterVersion, Contestant
from project.records.data import Row, Split
from project.records.record import Record
from project.settings import load
from project.shown_passages import all_with_passages
from registry.reader import RegistryReader

# --- larger model ---------------------------------------------------------------------------------

# A larger model behind an OpenAI-compatible server: each answer timed, and paid for once.

RETRIES = 2  # after 1 and 2 seconds, or when the server says
SECTION = "serving.cost.larger"
AT_A_TIME = 4  # requests: its times are a user's, not those of a crowd
ANSWER_SECONDS = 120.0  # of one answer, as serving.timeout_seconds has it by default


@dataclass(frozen=True)
class LargerModel:
    """Who is asked, and what it costs."""

    url: str  # up to and with /v1
    model: str
    prices: Prices = field(default_factory=Prices)
    key: str | None = field(default=None, repr=False)


class TimedAnswer(Record):
    answer: Answer
    seconds: float  # from the request to the whole answer


def ask_larger(
    larger: LargerModel, rows: Sequence[Row], asked: Contestant, decoding: Decoding
) -> list[TimedAnswer]:
    """Its answers to the rows, in their order, under the contestant's system prompt and with
    passages by its template; those that it gave before are not asked again.

    Raises IncumbentError where it gives none.
    """
    shown = all_with_passages(rows, asked.evidence_template)
    return asyncio.run(ask_all(larger, shown, asked.system_prompt, decoding))


async def ask_all(
    larger: LargerModel, rows: Sequence[Row], system_prompt: str | None, decoding: Decoding
) -> list[TimedAnswer]:
    server = ChatServer(
        larger.url,
        key=larger.key,
        timeout=ANSWER_SECONDS,
        retries=RETRIES,
        section=SECTION,
    )
    with progress(f"{larger.model}, dev", len(rows), "answers") as bar:

        async def kept_or_asked(row: Row) -> TimedAnswer:
            request = ChatRequest.of_row(larger.model, system_prompt, row, decoding)
            key = digest_json({"url": larger.url, "item": row.id, "body": request.body()})
            place = home() / "serving" / "larger" / f"{key}.json"
            if place.exists():
                answer = TimedAnswer.read(place)
            else:
                answer = await ask(server, row, request)
                answer.write(place)
            bar.advance()
            return answer

        async with server:
            return await ask_together(kept_or_asked, rows, AT_A_TIME)


async def ask(server: ChatServer, row: Row, request: ChatRequest) -> TimedAnswer:
    reply, tokens, seconds = await server.ask(request)
    if reply.too_long or tokens is None:
        problem = "does not read so long a prompt" if reply.too_long else "answers without `usage`"
        raise IncumbentError(f"{server.url} {problem}: row {row.id}")
    answer = Answer(item=row.id, text=reply.text, tokens=tokens.answer, prompt_tokens=tokens.prompt)
    return TimedAnswer(answer=answer, seconds=seconds)


# --- asked systems --------------------------------------------------------------------------------


@dataclass(frozen=True)
class AskedSystem:
    """A system's answers to the items, in their order; of an item maybe several, one after the
    other.
    """

    name: str
    answers: Sequence[Answer]
    seconds: float | None  # that the machine took for an answer, several side by side
    prices: Prices
    shots: int | None = None  # of the bare base: examples in its prompt
    latencies: Sequence[float] = field(default=())  # of each answer alone, where it was timed


def champion() -> AdapterVersion:
    """Raises InputError where there is none."""
    with RegistryReader.here() as registry:
        version = registry.champion()
    if version is None:
        raise InputError(
            "there is no champion: `incumbent run` makes a challenger, and `incumbent rollback "
            "--to V` brings one back that was withdrawn"
        )
    return version


def dev_items(most: int, contestant: Contestant | None = None) -> list[Row]:
    """At most so many dev items, the same whenever they are asked for, without conversations, which
    are many answers; of a hosted contestant those that it has answered. Raises InputError for too
    few.
    """
    path = rows_of(Split.DEV)
    if not path.exists():
        raise InputError("is not there: `incumbent run` makes it", file=path)
    rows = tuple(row for row in Row.read_lines(path) if not row.scenario)
    if contestant and contestant.base.hosted:
        rows = hosted.answered(rows, [contestant], load(Decoding), hosted.samples_of(Split.DEV))
    chosen = sorted(rows, key=lambda row: digest_json(row.id))[:most]
    if len({row.group for row in chosen}) < 2:
        raise InputError("has too few items to compare systems on", file=path)
    return chosen


def ask_systems(
    items: Sequence[Row],
    version: AdapterVersion,
    shots: Sequence[int],
    larger: LargerModel | None,
) -> Iterator[AskedSystem]:
    """The champion first, then its bare base with so many examples, the project's where it is a
    hosted model; then the larger.
    """
    contestant, prices = version.adapter.contestant, load(Prices)
    yield AskedSystem(version.label, *answered(contestant, items, 0, version.label), prices)
    bare = (
        bare_base() if contestant.base.hosted else contestant.model_copy(update={"adapter": None})
    )
    for count in shots:
        name = f"base, {count} examples" if count else "base, no examples"
        yield AskedSystem(name, *answered(bare, items, count, name), prices, shots=count)
    if larger:
        timed = ask_larger(larger, asked_with(items, contestant), contestant, load(Decoding))
        yield AskedSystem(
            larger.model,
            [reply.answer for reply in timed],
            None,  # the machine is not ours, and others may use it at the same time
            larger.prices,
            latencies=[reply.seconds for reply in timed],
        )


def answered(
    contestant: Contestant, items: Sequence[Row], shots: int, label: str
) -> tuple[list[Answer], float | None]:
    """Answers to the items, and the mean seconds of an answer. Where evaluation has the answers to
    all of dev, those are taken.
    """
    system = from_registry(contestant, load(Decoding), recorded_numerics())
    samples = hosted.samples_of(Split.DEV)
    every = asked_with(Row.read_lines(rows_of(Split.DEV)), contestant)
    shown = prompted(every, shots, contestant.evidence_template) if shots else every
    rows = {row.id: row for row in shown}
    asked = [rows[item.id] for item in items]
    if system.seconds(list(rows.values()), samples) is not None:
        asked = list(rows.values())
    answers = asked_of(system, asked, label, samples)
    taken = system.seconds(asked, samples)
    of_item: dict[str, list[Answer]] = {}
    for answer in answers:
        of_item.setdefault(answer.item, []).append(answer)
    chosen = list(chain.from_iterable(of_item[item.id] for item in items))
    return chosen, None if taken is None else taken / len(answers)


def asked_of(system: Respondent, rows: Sequence[Row], label: str, samples: int) -> list[Answer]:
    """And its model is let go: the next one wants the memory."""
    try:
        return system.answers(rows, f"{label}, dev", samples)
    finally:
        system.model = None

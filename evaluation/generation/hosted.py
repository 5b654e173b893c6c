"""A hosted model as a contestant: asked once, its answers kept, and read from then on.

The model behind a name may change or go. So its answers are an artifact of its version, and whoever
is compared with it later is compared with them.
"""

import asyncio
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from evaluation.evaluation_settings import Decoding
from evaluation.generation.answers import SEED, Answer, Model, Respondent, system_of
from evaluation.generation.backends.backend import ChatReply, ChatRequest, TokenCounts
from project.canonical import digest_files, digest_folder
from project.errors import IncumbentError, InputError
from project.files import home, staged_folder, write_bytes
from project.paths import ADAPTER, CHAMPION, rows_of
from project.progress import progress
from project.records.adapters import Adapter, Contestant, Engine, HostedModel, Numerics, Opponent
from project.records.data import Row, Split
from project.records.record import Digest, Record, write_records
from project.records.tool_calls import as_json
from project.settings import load
from project.shown_passages import all_with_passages
from project.untrusted_input import shortened
from registry.reader import RegistryReader

if TYPE_CHECKING:
    from evaluation.generation.backends.chat_server import ChatServer

ANSWERS, REPEATED = "answers.jsonl", "repeated.jsonl"  # in the folder of kept answers
ASKED = Path("hosted")  # below the project's home: replies as they come, so that none is paid twice
CONCURRENCY = 8  # requests at a time
RETRIES = 6
SECONDS = 120.0  # for one answer
LETTERS = 4  # of a token, roughly: how long a vendor's tokens are is not known here
PER_MILLION = 1_000_000


class Reply(Record):
    """What a hosted model answered to a request."""

    request: Digest
    reply: ChatReply
    prompt_tokens: int | None  # as it counts them; None: it does not
    tokens: int | None

    @property
    def counts(self) -> TokenCounts | None:
        if self.prompt_tokens is None or self.tokens is None:
            return None
        return TokenCounts(self.prompt_tokens, self.tokens)


def request_of(contestant: Contestant, row: Row, decoding: Decoding, sample: int) -> ChatRequest:
    """All that decides an answer; the row's passages are in its prompt."""
    assert contestant.base.hosted is not None
    asked = ChatRequest.of_row(
        contestant.base.hosted.model, contestant.system_prompt, row, decoding
    )
    seed = SEED + sample if decoding.temperature else None
    return asked.model_copy(update={"seed": seed})


def requests_of(
    contestant: Contestant, rows: Sequence[Row], decoding: Decoding, samples: int
) -> list[ChatRequest]:
    """Of rows as `asked_with` has them."""
    shown = all_with_passages(rows, contestant.evidence_template)
    return [request_of(contestant, row, decoding, s) for row in shown for s in range(samples)]


# --- kept answers ---------------------------------------------------------------------------------


class KeptModel:
    """Answers as they were kept. Raises IncumbentError for a question that it was never asked."""

    def __init__(
        self, contestant: Contestant, decoding: Decoding, kept: Mapping[Digest, Reply]
    ) -> None:
        self.contestant = contestant
        self.decoding = decoding
        self.kept = kept

    def answer(self, rows: Sequence[Row], samples: int = 1) -> Iterator[Answer]:
        for row in rows:
            for sample in range(samples):
                request = request_of(self.contestant, row, self.decoding, sample)
                kept = self.kept.get(request.digest)
                if kept is None:
                    raise IncumbentError(
                        f"{row}: {self.contestant} was not asked it when its answers were kept, or "
                        "with another evaluation.decoding"
                    )
                counts = kept.counts or counted_by_letters(request, kept.reply)
                yield Answer(
                    item=row.id,
                    text=kept.reply.text,
                    tokens=counts.answer,
                    prompt_tokens=counts.prompt,
                    sample=sample,
                )

    def reference_logprobs(self, rows: Sequence[Row]) -> list[float | None]:
        return [None] * len(rows)


def kept_replies(contestant: Contestant) -> dict[Digest, Reply]:
    """By request. Raises IncumbentError where the registry lacks them."""
    if contestant.answers is None:
        return {}
    folder = answers_folder(contestant.answers)
    return {reply.request: reply for reply in Reply.read_lines(folder / ANSWERS)}


def answers_folder(answers: Digest) -> Path:
    """Kept answers out of the registry. Raises IncumbentError where they are not there whole."""
    with RegistryReader.here() as registry:
        return registry.artifacts.check_out(answers, home() / "adapters" / answers)


class LiveModel(KeptModel):
    """A hosted model that is asked what it was not asked before."""

    def answer(self, rows: Sequence[Row], samples: int = 1) -> Iterator[Answer]:
        hosted = self.contestant.base.hosted
        assert hosted is not None
        asked = [
            request_of(self.contestant, row, self.decoding, sample)
            for row in rows
            for sample in range(samples)
        ]
        new = {request.digest: request for request in asked if request.digest not in self.kept}
        self.kept = {**self.kept, **Interview(hosted, new, AnswerBudget()).ask()}
        return super().answer(rows, samples)


def kept_respondent(
    contestant: Contestant, decoding: Decoding, numerics: Numerics, *, live: bool = False
) -> Respondent:
    """A hosted model that answers as it did when it was asked; `live`: and goes on being asked."""
    hosted = contestant.base.hosted
    assert hosted is not None
    engine = Engine(name="openai", version=None, model=hosted.url)
    system = system_of(
        contestant,
        decoding.digest,
        numerics.model_copy(update={"engine": engine}),
        digest_files(Path(__file__).parent, ["hosted.py"]),
        libraries=(),
        model=hosted.model,
    )

    def load() -> Model:
        model = LiveModel if live else KeptModel
        return model(contestant, decoding, kept_replies(contestant))

    return Respondent(system, decoding.batch_size, load, timed=False)


def samples_of(part: str) -> int:
    """How many answers an item of a part gets; suites beside the eval sets are answered once."""
    return load(Decoding).samples if part in tuple(Split) else 1


MOST_LEFT_OUT = 0.2  # of an eval set's items: the others would be another eval set


def items_of(part: Split) -> tuple[Row, ...]:
    """The items of an eval set that both can be compared on: what came after a hosted model's
    answers were kept is left out. Raises InputError where that is too much.
    """
    rows = Row.read_lines(rows_of(part))
    opponent = Opponent.read(CHAMPION)
    sides = [opponent.contestant, Adapter.read(ADAPTER).contestant]
    if part == Split.SEALED:  # at a look the regression baseline answers too
        sides.append(opponent.baseline)
    hosted = [side for side in sides if side and side.base.hosted]
    if not hosted:
        return rows
    asked = answered(rows, hosted, load(Decoding), samples_of(part))
    rows = tuple(row for row in rows if not row.scenario)
    if len(asked) < (1 - MOST_LEFT_OUT) * len(rows):
        raise InputError(
            f"{len(rows) - len(asked)} of {len(rows)} items were not asked when the hosted model's "
            f"answers were kept, or with another evaluation.decoding; {MOST_LEFT_OUT:.0%} may be "
            "left out. Put the settings back, or add the model again, so that it is asked now: "
            "`incumbent registry add-contestant --hosted …`, and let that version take the place "
            "of a champion without these answers: `incumbent promote N --force --reason …`",
            file=rows_of(part),
        )
    return asked


def answered(
    rows: Sequence[Row], hosted: Iterable[Contestant], decoding: Decoding, samples: int
) -> tuple[Row, ...]:
    """The rows that all of these have answered: others came later, and are left out. So are
    conversations: who is asked once and kept has none.
    """
    # Imported here because it brings an index's libraries, which few need.
    from evaluation.generation.retrieved_passages import asked_with

    hosted = list(hosted)
    rows = [row for row in rows if not row.scenario] if hosted else rows
    for contestant in hosted:
        kept = kept_replies(contestant)
        asked = requests_of(contestant, asked_with(rows, contestant), decoding, samples)
        there = [request.digest in kept for request in asked]
        rows = [r for i, r in enumerate(rows) if all(there[i * samples : (i + 1) * samples])]
    return tuple(rows)


# --- asking ---------------------------------------------------------------------------------------


class Price(NamedTuple):
    """Of a million tokens, in any one currency."""

    prompt: float
    answer: float

    def of(self, counts: TokenCounts) -> float:
        return (counts.prompt * self.prompt + counts.answer * self.answer) / PER_MILLION


@dataclass
class AnswerBudget:
    """What answers cost, and may cost; those too that an interrupted interview has left."""

    price: Price | None = None
    limit: float | None = None  # needs a price
    spent: float = 0.0
    reserved: float = 0.0  # for requests that are under way

    def most(self, request: ChatRequest) -> float:
        return self.price.of(most_tokens([request])) if self.price else 0.0

    def reserve(self, request: ChatRequest) -> None:
        """Raises IncumbentError where its answer may pass the limit."""
        most = self.most(request)
        if self.limit is not None and self.spent + self.reserved + most > self.limit:
            raise IncumbentError(
                f"{self.spent + self.reserved:.4g} is spent or under way, and the next answer may "
                f"pass the limit of {self.limit:.4g}: what was answered is kept, and a higher "
                "--limit goes on"
            )
        self.reserved += most

    def spend(self, request: ChatRequest, counts: TokenCounts | None) -> None:
        if self.price:
            self.spent += self.price.of(counts) if counts else self.most(request)


def most_tokens(requests: Iterable[ChatRequest]) -> TokenCounts:
    """What requests may take: prompts by their letters, answers as long as they may be."""
    asked = list(requests)
    letters = sum(len(turn.text) for request in asked for turn in request.messages)
    letters += sum(len(as_json(request.tools)) for request in asked if request.tools)
    return TokenCounts(letters // LETTERS, sum(request.max_tokens or 0 for request in asked))


def counted_by_letters(request: ChatRequest, reply: ChatReply) -> TokenCounts:
    return TokenCounts(most_tokens([request]).prompt, -(-len(reply.text) // LETTERS))


@dataclass
class Interview:
    """A hosted model, and the requests that it is asked. Each reply is kept on this machine as it
    comes, and what was answered before is not asked again.
    """

    hosted: HostedModel
    requests: Mapping[Digest, ChatRequest]
    budget: AnswerBudget
    time: int = 0  # how often it was asked the same before
    changes: int = 0  # that were found of it: what it answered before one is of another model
    found: dict[Digest, Reply] = field(default_factory=dict)
    fault: IncumbentError | None = None

    def __post_init__(self) -> None:
        for digest in self.requests:
            place = self.place(digest)
            if place.exists() and (reply := Reply.read(place)).request == digest:
                self.found[digest] = reply
                self.budget.spend(self.requests[digest], reply.counts)

    @property
    def missing(self) -> list[ChatRequest]:
        return [request for digest, request in self.requests.items() if digest not in self.found]

    def place(self, request: Digest) -> Path:
        model = f"{self.hosted.pin.weights[:16]}-{self.changes}-{self.time}"
        return home() / ASKED / model / request[:2] / f"{request}.json"

    def ask(self) -> dict[Digest, Reply]:
        """Every reply. Raises IncumbentError where the server refuses, answers with another model,
        or the limit is reached; what was answered is kept.
        """
        if self.missing:
            asyncio.run(self.ask_missing())
        if self.fault:
            raise self.fault
        return self.found

    async def ask_missing(self) -> None:
        # Imported here because the core, which reads kept answers, lacks an HTTP client.
        from evaluation.generation.backends.chat_server import ask_together

        server = server_of(self.hosted)
        missing, total = self.missing, len(self.requests)
        with progress(self.hosted.model, total, "answers", done=total - len(missing)) as bar:

            async def ask_one(request: ChatRequest) -> None:
                if self.fault:
                    return
                try:
                    self.budget.reserve(request)
                    given = await server.ask(request)
                    self.keep(request, given.reply, given.tokens)
                # The first one ends it, once those answers have come that are paid already.
                except IncumbentError as error:
                    self.fault = self.fault or error
                else:
                    self.budget.reserved -= self.budget.most(request)
                    bar.advance()

            async with server:
                await ask_together(ask_one, missing, CONCURRENCY)

    def keep(self, request: ChatRequest, reply: ChatReply, counts: TokenCounts | None) -> None:
        refuse_other_model(self.hosted, reply)
        if reply.too_long:
            letters = sum(len(turn.content) for turn in request.messages)
            raise IncumbentError(
                f"{self.hosted.model} does not read a question of {letters} characters"
            )
        self.budget.spend(request, counts)
        made = Reply(
            request=request.digest,
            reply=reply,
            prompt_tokens=counts.prompt if counts else None,
            tokens=counts.answer if counts else None,
        )
        write_bytes(self.place(request.digest), made.canonical() + b"\n")
        self.found[request.digest] = made


def server_of(hosted: HostedModel) -> "ChatServer":
    """Raises InputError where its key is not set."""
    from evaluation.generation.backends.chat_server import ChatServer  # as above
    from evaluation.generation.backends.openai_server import key_in

    key = key_in(hosted.key_variable, "--key-variable")
    return ChatServer(hosted.url, key=key, timeout=SECONDS, retries=RETRIES, section=None)


def refuse_other_model(hosted: HostedModel, reply: ChatReply) -> None:
    if reply.model and not hosted.is_named(reply.model):
        name = shortened(reply.model)
        raise IncumbentError(
            f"{hosted.url} was asked for {hosted.model}, and says that {name} answered: if that is "
            f"the model, name it so: --hosted {name}"
        )


def fingerprints_of(replies: Iterable[ChatReply]) -> tuple[str, ...]:
    """Of how it was served, each once; a server may say anything."""
    return tuple(sorted({shortened(reply.fingerprint) for reply in replies if reply.fingerprint}))


def answer_folder(replies: Mapping[Digest, Reply], repeated: Iterable[Record]) -> Digest:
    """Write the folder that the registry will keep to where it is checked out; the same replies
    give the same bytes.
    """
    folder = home() / "adapters" / f".asked-{os.getpid()}"
    with staged_folder(folder) as draft:
        write_records(draft / ANSWERS, [replies[digest] for digest in sorted(replies)])
        write_records(draft / REPEATED, repeated)
    made = digest_folder(folder)
    if (place := folder.with_name(made)).exists():
        shutil.rmtree(place)
    folder.rename(place)
    return made

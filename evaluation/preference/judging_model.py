"""The model that a judge's questions go to: the same one throughout, and asked in part twice."""

import asyncio
import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation.evaluation_settings import JudgeParams
from evaluation.generation.answers import IN_FILES, KeptBytes
from evaluation.generation.backends.backend import ChatReply, ChatRequest
from evaluation.generation.backends.chat_server import ChatServer, Pause, ask_together, excerpt
from evaluation.generation.backends.openai_server import key_in
from project.errors import IncumbentError
from project.files import home
from project.progress import progress
from project.records.data import Message
from project.records.preferences import Calibration, JudgePin
from project.records.record import Digest
from project.settings import PARAMS

SECTION = "evaluation.preference.judge"
RETRIES = 5  # after the first try, at 1, 2, 4, … s or when the server says: half a minute in all

# --- kept answers ---------------------------------------------------------------------------------

# Answers of a server to many questions, each asked once and then kept.


@dataclass(frozen=True)
class KeptAnswers:
    """A server's answers, in a folder: an interrupted run goes on from there."""

    params: JudgeParams
    folder: Path  # below the project's home
    label: str  # of the progress
    section: str = SECTION  # that errors name, where params were set
    pause: Pause = asyncio.sleep
    store: KeptBytes = IN_FILES

    def answers(self, requests: Iterable[ChatRequest]) -> dict[Digest, str]:
        """The text of each answer, by its request's digest. Raises as `replies` does."""
        return {digest: reply.text for digest, reply in self.replies(requests).items()}

    def replies(self, requests: Iterable[ChatRequest]) -> dict[Digest, ChatReply]:
        """What the server says to each request, by its digest. Raises IncumbentError as it does."""
        wanted = {request.digest: request for request in requests}
        replies = {digest: known for digest in wanted if (known := self.known(digest))}
        missing = [request for digest, request in wanted.items() if digest not in replies]
        return replies | asyncio.run(self.ask(missing, len(wanted))) if missing else replies

    def known(self, request: Digest) -> ChatReply | None:
        place = self.place(request)
        kept = self.store.read(place)
        return None if kept is None else ChatReply.parse(kept, place)

    async def ask(self, requests: Sequence[ChatRequest], total: int) -> dict[Digest, ChatReply]:
        """Ask several at a time, and keep every answer as it comes."""
        params, field = self.params, f"{self.section}.key_variable"
        file = PARAMS if self.section == SECTION else None
        server = ChatServer(
            params.url,
            key=key_in(params.key_variable, field, file=file),
            timeout=params.timeout_s,
            retries=RETRIES,
            section=self.section,
            pause=self.pause,
        )
        with progress(self.label, total, "answers", done=total - len(requests)) as bar:

            async def ask_one(request: ChatRequest) -> tuple[Digest, ChatReply]:
                reply = (await server.ask(request)).reply
                self.store.write(self.place(request.digest), reply.canonical() + b"\n")
                bar.advance()
                return request.digest, reply

            async with server:
                return dict(await ask_together(ask_one, requests, params.concurrency))

    def place(self, request: Digest) -> Path:
        return self.folder / request[:2] / f"{request}.json"


# --- judging model --------------------------------------------------------------------------------

FOLDER = Path("judgements")

Read = Callable[[ChatReply], float | None]  # what an answer says; None where that cannot be read

# Of the questions of the calibration, the share that is asked a second time: 12 of 120 tell a judge
# that changes its word.
REPEAT_SHARE = 0.1
# Answers without a verdict, as a share: beyond it the judge does not do what it is asked.
UNPARSED_CAP = 0.1


@dataclass(frozen=True)
class JudgingModel:
    """`held_to` is the judge that was calibrated: answers of another model are refused."""

    params: JudgeParams
    held_to: JudgePin | None = None
    pause: Pause = asyncio.sleep
    store: KeptBytes = IN_FILES

    @property
    def folder(self) -> Path:
        return home() / FOLDER

    def request(self, question: str) -> ChatRequest:
        return ChatRequest(
            model=self.params.model,
            messages=(Message(role="user", content=question),),
            temperature=self.params.temperature,
            max_tokens=self.params.max_tokens,
        )

    def replies(self, requests: Iterable[ChatRequest]) -> dict[Digest, ChatReply]:
        """What it says to each request, by its digest; from the cache where it is there.

        Raises IncumbentError when the server fails, or answers with more than one model.
        """
        replies = self.kept(FOLDER, "judge").replies(requests)
        self.refuse_two_models(replies.values())
        return replies

    def replies_again(self, requests: Iterable[ChatRequest]) -> dict[Digest, ChatReply]:
        """The same for a second time: what was said the first time is not looked at."""
        replies = self.kept(FOLDER / "again", "judge, again").replies(requests)
        self.refuse_two_models(replies.values())
        return replies

    def kept(self, folder: Path, label: str) -> KeptAnswers:
        return KeptAnswers(self.params, folder, label, pause=self.pause, store=self.store)

    def refuse_two_models(self, replies: Iterable[ChatReply]) -> None:
        """Raise IncumbentError where more than one model answered, the calibrated one included."""
        names = {reply.model for reply in replies if reply.model}
        if self.held_to and self.held_to.served and names:
            names.add(self.held_to.served)
        if len(names) > 1:
            raise IncumbentError(
                f"{self.params.model} was served as {' and as '.join(map(repr, sorted(names)))}: "
                f"these are two judges, and what they say is not comparable. Name in {SECTION}"
                f".model the one that you mean; to ask it all anew, delete {self.folder}"
            )

    def refuse_noise(
        self, replies: Collection[ChatReply], read: Read, what: str, source: str
    ) -> None:
        """Raise IncumbentError where too many answers are without what was asked for."""
        noise = [reply for reply in replies if read(reply) is None]
        if len(noise) <= UNPARSED_CAP * len(replies):
            return
        raise IncumbentError(
            f"{len(noise)} of {len(replies)} answers of {source} end without a {what}, and "
            f"{UNPARSED_CAP:.0%} may be{causes(noise)}; one of "
            f"them: {excerpt(noise[0].text)!r}. Take a larger max_tokens or another model, or set "
            f"reasons to false; to ask the same again, delete {self.folder}"
        )

    def pin(self, question: Digest, replies: Iterable[ChatReply]) -> JudgePin:
        """Who judges, by what it said, with questions of this digest."""
        served = {reply.model for reply in replies if reply.model}
        return JudgePin(
            model=self.params.model,
            served=min(served, default=None),
            question=question,
            temperature=self.params.temperature,
            max_tokens=self.params.max_tokens,
        )

    def accounted(
        self,
        calibration: Calibration,
        question: Digest,
        requests: Sequence[ChatRequest],
        read: Read,
    ) -> Calibration:
        """A calibration on these requests, with who judged and how often it changes its word."""
        replies = self.replies(requests)
        again = self.replies_again(repeated(requests, REPEAT_SHARE))
        both = [*replies.values(), *again.values()]
        self.refuse_two_models(both)
        changed = sum(read(replies[digest]) != read(again[digest]) for digest in again)
        return calibration.model_copy(
            update={
                "judge": self.pin(question, both),
                "fingerprints": tuple(sorted({o.fingerprint for o in both if o.fingerprint}))
                or None,
                "wobble": changed / len(again) if again else None,
                "wobble_n": len(again) or None,
            }
        )


def repeated(requests: Sequence[ChatRequest], share: float) -> list[ChatRequest]:
    """A share of the requests, rounded up: those of the lowest digests, which is as good as drawn
    and the same in every run.
    """
    distinct = {request.digest: request for request in requests}
    return [distinct[digest] for digest in sorted(distinct)[: math.ceil(share * len(distinct))]]


def causes(noise: Sequence[ChatReply]) -> str:
    """What the answers themselves tell of why they are of no use."""
    cut, too_long = sum(reply.cut for reply in noise), sum(reply.too_long for reply in noise)
    told = [f"{cut} were cut off at max_tokens"] if cut else []
    told += [f"{too_long} questions are longer than the model reads"] if too_long else []
    return f" ({', '.join(told)})" if told else ""

"""Answers of a server to many questions, each asked once and then kept."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from evaluation.evaluation_settings import JudgeParams
from evaluation.generation.kept_bytes import IN_FILES, KeptBytes
from evaluation.preference.judge.chat_server import SECTION, ChatServer, Request, Said
from project.progress import progress
from project.records.record import Digest


@dataclass(frozen=True)
class KeptAnswers:
    """A server's answers, in a folder: an interrupted run goes on from there."""

    params: JudgeParams
    folder: Path  # below the project's home
    label: str  # of the progress
    section: str = SECTION  # that errors name, where params were set
    pause: Callable[[float], object] | None = None  # waits for some seconds
    store: KeptBytes = IN_FILES

    def answers(self, requests: Iterable[Request]) -> dict[Digest, str]:
        """The text that the server says to each request, by its digest. Raises as `said` does."""
        return {digest: said.text for digest, said in self.said(requests).items()}

    def said(self, requests: Iterable[Request]) -> dict[Digest, Said]:
        """What the server says to each request, by its digest. Raises IncumbentError as it does."""
        wanted = {request.digest: request for request in requests}
        said = {digest: known for digest in wanted if (known := self.known(digest))}
        missing = [request for digest, request in wanted.items() if digest not in said]
        return said | self.ask(missing, len(wanted)) if missing else said

    def known(self, request: Digest) -> Said | None:
        place = self.place(request)
        kept = self.store.read(place)
        return None if kept is None else Said.parse(kept, place)

    def ask(self, requests: Sequence[Request], total: int) -> dict[Digest, Said]:
        """Ask several at a time, and keep every answer as it comes."""
        with (
            ThreadPoolExecutor(self.params.concurrency) as pool,
            ChatServer(self.params, self.pause, self.section) as server,
            progress(self.label, total, "answers", done=total - len(requests)) as bar,
        ):

            def ask_one(request: Request) -> tuple[Digest, Said]:
                said = server.ask(request)
                self.store.write(self.place(request.digest), said.canonical() + b"\n")
                return request.digest, said

            said = dict[Digest, Said]()
            try:
                for done in as_completed([pool.submit(ask_one, request) for request in requests]):
                    said.update([done.result()])
                    bar.advance()
            finally:  # the first error ends it all; nothing is left to cancel otherwise
                pool.shutdown(wait=False, cancel_futures=True)
        return said

    def place(self, request: Digest) -> Path:
        return self.folder / request[:2] / f"{request}.json"

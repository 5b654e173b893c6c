"""Answers of a server to many questions, each asked once and then kept."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from evaluation.evaluation_settings import JudgeParams
from evaluation.preference.judge.chat_server import SECTION, ChatServer, Request, Said
from project.progress import progress
from project.records.record import Digest


@dataclass(frozen=True)
class KeptAnswers:
    """A server's answers, in a folder: an interrupted run goes on from there."""

    params: JudgeParams
    folder: Path
    label: str  # of the progress
    section: str = SECTION  # that errors name, where params were set
    pause: Callable[[float], object] | None = None  # waits for some seconds

    def answers(self, requests: Iterable[Request]) -> dict[Digest, str]:
        """The text that the server says to each request, by its digest. Raises as `said` does."""
        return {digest: said.text for digest, said in self.said(requests).items()}

    def said(self, requests: Iterable[Request]) -> dict[Digest, Said]:
        """What the server says to each request, by its digest. Raises IncumbentError as it does."""
        wanted = {request.digest: request for request in requests}
        missing = [request for digest, request in wanted.items() if not self.place(digest).exists()]
        if missing:
            self.ask(missing, len(wanted))
        return {digest: Said.read(self.place(digest)) for digest in wanted}

    def ask(self, requests: Sequence[Request], total: int) -> None:
        """Ask several at a time, and keep every answer as it comes."""
        with (
            ThreadPoolExecutor(self.params.concurrency) as pool,
            ChatServer(self.params, self.pause, self.section) as server,
            progress(self.label, total, "answers", done=total - len(requests)) as bar,
        ):

            def ask_one(request: Request) -> None:
                server.ask(request).write(self.place(request.digest))

            try:
                for done in as_completed([pool.submit(ask_one, request) for request in requests]):
                    done.result()
                    bar.advance()
            finally:  # the first error ends it all; nothing is left to cancel otherwise
                pool.shutdown(wait=False, cancel_futures=True)

    def place(self, request: Digest) -> Path:
        return self.folder / request[:2] / f"{request}.json"

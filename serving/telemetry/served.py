"""What is known of a request when it has ended: for its log line, its metrics and its span."""

import time
from dataclasses import dataclass, field

CLIENT_GONE = 499  # as nginx has it: the client closed the connection before the answer


@dataclass
class Served:
    """Filled in while a request is served. None of it is a text of a prompt or an answer."""

    id: str  # in the header x-request-id
    method: str
    path: str
    began: float = field(default_factory=time.perf_counter)
    caller: str = ""
    asked: str = ""  # the model as the request names it: untrusted
    name: str = ""  # of the deployment that answered
    version: int | None = None
    arm: str | None = None
    answer: str = ""  # its id
    status: int = CLIENT_GONE
    begun: bool = False  # whether its status was sent
    error: str | None = None  # what a caller was told
    retries: int = 0  # on further replicas
    streamed: bool = False
    first_token_ms: float | None = None
    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    finish: str | None = None

    @property
    def elapsed_ms(self) -> float:
        return (time.perf_counter() - self.began) * 1000

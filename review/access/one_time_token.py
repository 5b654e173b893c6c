"""The token in the address that is printed at the start: worth one session, once."""

import hmac
import secrets
from threading import Lock


class OneTimeToken:
    """A restart makes another one."""

    def __init__(self) -> None:
        self.text = secrets.token_urlsafe(24)
        self._used = False
        self._lock = Lock()

    def take(self, given: str) -> bool:
        """Whether this was the token, and nobody had taken it yet."""
        with self._lock:
            right = hmac.compare_digest(given.encode(), self.text.encode())
            first = right and not self._used
            self._used = self._used or right
            return first

"""Section `monitoring.notices`: whom to tell, and how."""

import os
from typing import Annotated, Self

import httpx2
from pydantic import Field, StringConstraints, model_validator

from monitoring.scheduling.webhook import parsed
from project.errors import InputError
from project.settings import PARAMS, Settings, section_of

VARIABLE = "INCUMBENT_WEBHOOK"


class NoticeParams(Settings):
    """Whom to tell. The default tells nobody; the log and the registry have it all the same."""

    # A Slack-compatible address, https alone unless allow_private. Most are secrets: they belong
    # in $INCUMBENT_WEBHOOK, which wins over this. What is sent is signed with the secret in
    # $INCUMBENT_WEBHOOK_SECRET, if there is one.
    webhook: str | None = None
    # A program and its arguments, which gets the notice as JSON on its standard input.
    command: tuple[Annotated[str, StringConstraints(min_length=1)], ...] = ()
    allowed_hosts: tuple[str, ...] = ()  # where a webhook may be; empty: wherever it is
    allow_private: bool = False  # also on this machine and in private networks, also by http
    timeout_seconds: float = Field(default=10, gt=0, le=300)  # for a whole delivery
    attempts: int = Field(default=8, ge=1)  # after that the next start of the scheduler tries anew

    @model_validator(mode="after")
    def the_webhook_is_an_allowed_address(self) -> Self:
        if self.webhook is not None:
            self.allowed(self.webhook)
        return self

    def allowed(self, address: str) -> httpx2.URL:
        """A webhook's address. Raises ValueError, which does not repeat it."""
        url = parsed(address, allow_plain=self.allow_private)
        if self.allowed_hosts and url.host not in {host.lower() for host in self.allowed_hosts}:
            raise ValueError(f"its host {url.host} is none of {', '.join(self.allowed_hosts)}")
        return url

    def url(self) -> httpx2.URL | None:
        """Where the webhook is. Raises InputError for an address that must not be used."""
        chosen = os.environ.get(VARIABLE)
        if not chosen:
            return self.allowed(self.webhook) if self.webhook else None
        try:
            return self.allowed(chosen)
        except ValueError as error:
            problem = f"the address in ${VARIABLE} {error}"
            raise InputError(problem, file=PARAMS, field=section_of(NoticeParams)) from None

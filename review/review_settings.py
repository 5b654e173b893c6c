"""How the web page is served, and who may use it."""

from pathlib import Path
from typing import Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import PositiveInt, field_validator, model_validator

from project.settings import Settings

SignIn = Literal["token", "users", "oidc", "proxy"]
USUAL_PORTS = {"http": 80, "https": 443}
NO_ADDRESS = "must be an address without a path, such as https://review.example.com"


class OidcParams(Settings):
    """An OpenID Connect provider. The client's secret is in $INCUMBENT_OIDC_SECRET."""

    discovery: str  # its address that ends in /.well-known/openid-configuration
    client_id: str
    claim: str = "preferred_username"  # the name in the registry; "email" where it must be verified


class ProxyParams(Settings):
    """A proxy that signs people in, and names them in a header."""

    header: str = "X-Forwarded-User"
    trusted: tuple[str, ...] = ("127.0.0.1", "::1")  # the addresses that the proxy calls from


class ReviewParams(Settings):
    """The web page of `incumbent review`."""

    # The address by which people reach the page, as https://review.example.com; None: this machine
    # alone. Links in notices begin with it, and no other host is answered.
    url: str | None = None
    # How people are known: "token", one user on this machine, by the address that is printed at the
    # start; "users", names and passwords of a file; "oidc", OpenID Connect; "proxy", a header that
    # a trusted proxy sets.
    sign_in: SignIn = "token"
    users: Path | None = None  # YAML: {users: {name: argon2 hash}}
    oidc: OidcParams | None = None
    proxy: ProxyParams = ProxyParams()
    votes: PositiveInt = 2  # reviewers an item; a third one where two disagree
    # Whoever asks the gateway a sealed prompt may learn whose answer is whose. Such prompts are
    # counted on the page of the votes; "leave_out": no vote on them is counted into a decision.
    unblinded_votes: Literal["count", "leave_out"] = "count"

    @field_validator("url")
    @classmethod
    def refuse_no_address(cls, url: str | None) -> str | None:
        """Also: as a browser writes it, since Host and Origin are compared with it."""
        if not url:
            return None
        parts = urlsplit(url)
        more = parts.query or parts.fragment or parts.username is not None
        if parts.scheme not in USUAL_PORTS or parts.path not in ("", "/") or more:
            raise ValueError(NO_ADDRESS)
        return origin_of(parts)

    @model_validator(mode="after")
    def refuse_nobody(self) -> Self:
        if self.sign_in == "users" and self.users is None:
            raise ValueError("sign_in: users needs users, a YAML file: {users: {name: hash}}")
        if self.sign_in == "oidc" and self.oidc is None:
            raise ValueError("sign_in: oidc needs oidc, with discovery and client_id")
        return self

    @property
    def leaves_out(self) -> bool:
        return self.unblinded_votes == "leave_out"

    @property
    def secure(self) -> bool:
        """Whether browsers reach the page by https alone, so that cookies can demand it."""
        return bool(self.url and self.url.startswith("https:"))


def origin_of(parts: SplitResult) -> str:
    """The origin of an address as browsers write it: in lower case, and a usual port left out.

    Raises ValueError for an address without a host, or with a port that is none.
    """
    if not parts.hostname:
        raise ValueError(NO_ADDRESS)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    is_usual = parts.port in (None, USUAL_PORTS[parts.scheme])
    return f"{parts.scheme}://{host}" + ("" if is_usual else f":{parts.port}")

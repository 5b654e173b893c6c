"""A small OpenID provider on this machine, as strict as a real one, and as false as a test asks."""

import base64
import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

CLIENT, SECRET = "incumbent", "the client's secret"
KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
OTHER_KEY = RSAKey.generate_key(2048, {"kid": "one"})


@dataclass
class OidcProvider:
    """Signs everybody in as `person`, at the moment that the test's clock shows."""

    address: str
    now: Callable[[], float]
    person: dict[str, Any] = field(default_factory=lambda: {"preferred_username": "ann"})
    claims: dict[str, Any] = field(default_factory=dict)  # instead of what is true
    key: RSAKey | OctKey = field(default_factory=lambda: KEY)
    algorithm: str = "RS256"
    asked: dict[str, dict[str, str]] = field(default_factory=dict)  # code -> what it was given for

    @property
    def discovery(self) -> str:
        return f"{self.address}/.well-known/openid-configuration"

    def description(self) -> dict[str, Any]:
        return {
            "issuer": self.address,
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "jwks_uri": f"{self.address}/jwks",
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def authorize(self, query: str) -> str | None:
        """Where the browser is sent back to; None for a client that is not known."""
        asked = dict(parse_qsl(query))
        if asked["client_id"] != CLIENT:
            return None
        assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
        code = secrets.token_urlsafe(8)
        self.asked[code] = asked
        values = {"code": code, "state": asked["state"], "iss": self.address}
        return f"{asked['redirect_uri']}?{urlencode(values)}"

    def token(self, authorization: str, body: str) -> dict[str, Any]:
        """An ID token for a code, once, for whoever asked for it and knows the client's secret."""
        form = {name: values[0] for name, values in parse_qs(body).items()}
        asked = self.asked.pop(form["code"], None)
        pair = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        challenge = create_s256_code_challenge(form["code_verifier"])
        if (
            asked is None
            or pair != urlencode({CLIENT: SECRET}).replace("=", ":").replace("+", "%20")
            or challenge != asked["code_challenge"]
            or form["redirect_uri"] != asked["redirect_uri"]
        ):
            return {"error": "invalid_grant"}
        now = int(self.now())
        times = {"iat": now, "exp": now + 60}
        claims = {"iss": self.address, "sub": "1", "aud": CLIENT, "nonce": asked["nonce"], **times}
        claims |= self.person | self.claims
        header = {"alg": self.algorithm, "kid": "one"}
        kept = {name: value for name, value in claims.items() if value is not None}
        signed = jwt.encode(header, kept, self.key, algorithms=[self.algorithm])
        return {"access_token": "a", "token_type": "Bearer", "id_token": signed}


@contextmanager
def serving_provider(now: Callable[[], float]) -> Iterator[OidcProvider]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/authorize":
                back = provider.authorize(parts.query)
                self.send_response(302 if back else 400)
                self.send_header("Location", back or "")
                self.end_headers()
            elif parts.path == "/jwks":
                self.give({"keys": [KEY.as_dict(private=False)]})
            else:
                self.give(provider.description())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self.give(provider.token(self.headers.get("Authorization", ""), body))

        def give(self, value: dict[str, Any]) -> None:
            self.send_response(400 if "error" in value else 200)
            self.end_headers()
            self.wfile.write(json.dumps(value).encode())

        def log_message(self, *_: object) -> None:
            """Tests say enough."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider = OidcProvider(f"http://127.0.0.1:{server.server_port}", now)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()

"""`serve` and `review`: the gateway with the keys of its callers, and the web page for people."""

import os
import sys
import threading
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import typer

from incumbent.output import say
from project.errors import InputError
from project.records.adapters import AdapterVersion
from project.settings import PARAMS, load
from registry.registry_settings import RegistryParams
from registry.roles import roles_file
from review.review_settings import ReviewParams
from serving.serving_settings import ServingParams

# --- serve ----------------------------------------------------------------------------------------


@dataclass
class GatewayPrinter:
    """Prints what the gateway tells, and, once something answers, a request to try."""

    answers: Callable[[], bool] = lambda: False
    example: str | None = None  # until it was shown

    def __call__(self, line: str) -> None:
        say(line)
        if self.example and self.answers():
            say(f"Try it:\n  {self.example}")
            self.example = None


def serve(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")
    ] = 8080,
    host: Annotated[
        str, typer.Option(help="The address to listen at; any beyond this machine needs keys.")
    ] = ("127.0.0.1"),
    without_keys: Annotated[
        bool,
        typer.Option(
            "--without-keys",
            help="Answer whoever connects from this machine, through a proxy on it too.",
        ),
    ] = False,
    open_metrics: Annotated[
        bool,
        typer.Option(
            "--open-metrics", help="The same for /metrics alone, which names all callers."
        ),
    ] = False,
    new_caller: Annotated[
        str | None,
        typer.Option(
            "--add-key",
            metavar="CALLER",
            help="Make a key for a caller instead, and print it once.",
        ),
    ] = None,
) -> None:
    """Serve the champion behind OpenAI's API; needs the serve extra.

    $ incumbent serve --port 8000 --without-keys
    """
    if new_caller is not None:
        add_key(new_caller)
        return
    from serving.gateway_server import Access, server_here  # brings what is in the serve extra
    from serving.traffic_log.metrics import log_as_json

    log_as_json()
    progress = GatewayPrinter()
    access = Access(without_keys=without_keys, open_metrics=open_metrics)
    with server_here(host, port, progress, access) as server:
        gateway = server.service.gateway
        progress.answers = lambda: gateway.table.champion is not None
        progress.example = example(server.address, gateway.family, keyed=gateway.keys is not None)
        say(f"The gateway of family {gateway.family} listens at {server.address}/v1")
        say(expected(server.service.follower.registry.champion()))
        for warning in access.warnings():
            say(warning)
        say("Ctrl-C ends it, once running answers are out.")
        server.run()
    say("ended")


def expected(champion: AdapterVersion | None) -> str:
    if champion is None:
        return (
            "No version is champion yet, so that requests get 503. `incumbent submit --promote` "
            "makes one champion, and it answers within seconds, without a restart."
        )
    return f"{champion.label} is champion: it is loaded and checked now, and then it answers."


def example(address: str, family: str, *, keyed: bool) -> str:
    """A request that works as it is, once a champion is deployed."""
    key = ' -H "Authorization: Bearer $INCUMBENT_KEY"' if keyed else ""
    asks = f'{{"model": "{family}", "messages": [{{"role": "user", "content": "Hello"}}]}}'
    return f"curl {address}/v1/chat/completions{key} -d '{asks}'"


def add_key(caller: str) -> None:
    """Make a key, keep its hash in the file of serving.keys, and print it this once."""
    from serving.openai_api.who_asks import add_key as add

    path = load(ServingParams).keys
    if path is None:
        raise InputError(
            "names no file for callers' keys: put `keys: keys.yaml` there",
            file=PARAMS,
            field="serving.keys",
        )
    print(add(path, caller))  # alone on stdout, so that a script can take it
    say_aside(f"{path} has its SHA-256 alone: this is the only time that the key is shown.")


def say_aside(line: str) -> None:
    from rich.console import Console

    Console(stderr=True, highlight=False, markup=False).print(line, soft_wrap=True)


# --- review ---------------------------------------------------------------------------------------


def review(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")
    ] = 8765,
    host: Annotated[
        str, typer.Option(help="The address to listen at; any beyond this machine needs users.")
    ] = ("127.0.0.1"),
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address, and open no browser.")
    ] = False,
    new_user: Annotated[
        str | None,
        typer.Option(
            "--add-user",
            metavar="NAME",
            help="Add somebody to the file of review.users instead; asks for a password of at "
            "least 12 characters.",
        ),
    ] = None,
) -> None:
    """Open the web page on which people look, vote and decide; needs the review extra.

    $ incumbent review
    """
    if new_user is not None:
        add_user(new_user)
        return
    from review.page_server import server_here  # brings FastAPI, which is in an extra

    with server_here(host, port) as server:
        params = server.gate.site.params
        say(f"Reviews of family {server.gate.site.family}: {server.address}")
        for line in sign_in_text(params, server.gate.site.opened.actor):
            say(f"  {line}")
        if not no_browser and has_desktop():
            threading.Thread(target=webbrowser.open, args=(server.address,), daemon=True).start()
        server.run()
    say("ended")


def sign_in_text(params: ReviewParams, actor: str) -> list[str]:
    """How people get in, what they may do, and how the server is ended."""
    header = params.proxy.header if params.proxy else ""
    ways = {
        "token": f"The address works once and signs you in as {actor}; start again for another.",
        "users": f"People sign in with the names and passwords of {params.users}.",
        "oidc": f"People sign in at {params.oidc.discovery if params.oidc else ''}.",
        "proxy": f"The proxy says who people are, in the header {header}.",
    }
    lines = [ways[params.sign_in], rights_text(params)]
    if params.url and not params.secure and params.sign_in != "token":
        lines.append("review.url is not https: others on the network can read along.")
    return [*lines, "Ctrl-C ends it."]


def rights_text(params: ReviewParams) -> str:
    if chosen := roles_file(load(RegistryParams).roles):
        return f"{chosen} says who may do what."
    if params.sign_in == "token":
        return "You may do everything: registry.roles in params.yaml names no file."
    return "Everybody who signs in may do everything: name a file in registry.roles to change that."


def has_desktop() -> bool:
    """Whether there is a browser to open that does not take the terminal."""
    if not sys.stdout.isatty():
        return False
    shown = ("DISPLAY", "WAYLAND_DISPLAY")
    return sys.platform in ("darwin", "win32") or any(os.environ.get(name) for name in shown)


def add_user(name: str) -> None:
    """Ask for a password, and keep its hash in the file of review.users."""
    from review.frame.users_file import SHORTEST
    from review.frame.users_file import add_user as add

    path = load(ReviewParams).users
    if path is None:
        raise InputError(
            "names no file for names and passwords: put `users: users.yaml` there",
            file=PARAMS,
            field="review.users",
        )
    ask = f"Password, of at least {SHORTEST} characters"
    password = typer.prompt(ask, hide_input=True, confirmation_prompt=True)
    add(path, name, password)
    say(
        f"{name} is in {path}. A session that began with another password has ended.",
        f"{path} holds hashes of passwords: keep it out of git, by a line in .gitignore.",
    )

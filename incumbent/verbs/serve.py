"""`serve`: the gateway of a project, and the keys of its callers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import typer

from incumbent.output import say
from project.errors import InputError
from project.records.adapters import AdapterVersion
from project.settings import PARAMS, load
from serving.serving_settings import ServingParams


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

"""`incumbent serve`: the gateway of a project, and the keys of its callers."""

from incumbent.output import console
from project.errors import InputError
from project.settings import PARAMS, load
from serving.serving_settings import ServingParams


def serve(host: str, port: int) -> None:
    """Serve the champion until it is ended."""
    from serving.server import server_here  # brings what is in the serve extra
    from serving.telemetry.json_log import log_as_json

    log_as_json()
    with server_here(host, port, tell=say) as server:
        gateway = server.service.gateway
        say(f"The champion of family {gateway.family} answers at {server.address}/v1")
        for line in example(server.address, gateway.family, keyed=gateway.keys is not None):
            say(f"  {line}")
        say("Ctrl-C ends it, once running answers are out.")
        server.run()
    say("ended")


def example(address: str, family: str, *, keyed: bool) -> list[str]:
    """A request that works as it is, once a champion is deployed."""
    key = ' -H "Authorization: Bearer $INCUMBENT_KEY"' if keyed else ""
    asks = f'{{"model": "{family}", "messages": [{{"role": "user", "content": "Hello"}}]}}'
    return [f"curl {address}/v1/chat/completions{key} -d '{asks}'"]


def add_key(caller: str) -> None:
    """Make a key, keep its hash in the file of serving.keys, and print it this once."""
    from serving.callers.key_file import add_key as add

    path = load(ServingParams).keys
    if path is None:
        raise InputError(
            "names no file for callers' keys: put `keys: keys.yaml` there",
            file=PARAMS,
            field="serving.keys",
        )
    print(add(path, caller))  # alone on stdout, so that a script can take it
    say_aside(f"{path} has its SHA-256 alone: this is the only time that the key is shown.")


def say(line: str) -> None:
    console.print(line, soft_wrap=True)


def say_aside(line: str) -> None:
    from rich.console import Console

    Console(stderr=True, highlight=False, markup=False).print(line, soft_wrap=True)

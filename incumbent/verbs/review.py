"""`review`: the web page on which people look, vote and decide."""

import os
import sys
import threading
import webbrowser
from typing import Annotated

import typer

from incumbent.output import say
from project.errors import InputError
from project.settings import PARAMS, load
from registry.registry_settings import RegistryParams
from registry.roles import roles_file
from review.review_settings import ReviewParams


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
            help="Add somebody to the file of review.users instead.",
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
    ways = {
        "token": f"The address works once and signs you in as {actor}; start again for another.",
        "users": f"People sign in with the names and passwords of {params.users}.",
        "oidc": f"People sign in at {params.oidc.discovery if params.oidc else ''}.",
        "proxy": f"The proxy says who people are, in the header {params.proxy.header}.",
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
    from review.access.users_file import add_user as add

    path = load(ReviewParams).users
    if path is None:
        raise InputError(
            "names no file for names and passwords: put `users: users.yaml` there",
            file=PARAMS,
            field="review.users",
        )
    password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    add(path, name, password)
    say(f"{name} is in {path}. A session that began with another password has ended.")

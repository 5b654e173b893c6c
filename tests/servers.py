"""Real servers for tests: PostgreSQL from the system's package, and moto's, which speaks S3.

A test module asks for them with `pytest_plugins = ["tests.servers"]`. Where a server is not
installed the test is skipped, but fails where $CI is set.
"""

import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from threading import Event
from time import monotonic
from typing import NoReturn

import pytest

from tests.databases import copy_of

SECONDS = 1200  # that CI may take to make an environment
NUMBERS = count(1)  # so that every test has a database and a bucket of its own


def missing(what: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(f"{what} is not installed, and CI has to test with it")
    pytest.skip(f"{what} is not installed")


def python_of(name: str) -> str:
    """The Python that has a library of the name, in an environment of its own: `$INCUMBENT_` and
    the name say which. It is waited for while CI makes it beside the tests.
    """
    python = os.environ.get(f"INCUMBENT_{name.upper()}") or missing(name)
    until = monotonic() + SECONDS
    while (Path(python).parents[1] / "being-made").exists() and monotonic() < until:
        Event().wait(1)
    return python


def run(*command: str, user: str | None) -> None:
    """Run a command, as another user where one is given; what it prints is shown if it fails."""
    subprocess.run(command, check=True, user=user, group=user, stdout=subprocess.DEVNULL, cwd="/")


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The URL of a server of its own, behind a Unix socket, for as long as the tests run."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=str)
    initdb = str(found[-1]) if found else shutil.which("initdb")
    if initdb is None:
        missing("PostgreSQL")
    user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
    folder = Path(tempfile.mkdtemp(prefix="postgresql-", dir="/tmp"))  # a socket's path is short
    if user:
        shutil.chown(folder, user, user)
    data, control = str(folder / "data"), str(Path(initdb).with_name("pg_ctl"))
    try:
        run(initdb, "--auth=trust", "--username=postgres", "--no-sync", "-D", data, user=user)
        options = f"-c listen_addresses='' -c fsync=on -c max_connections=200 -k {folder}"
        log = str(folder / "log")
        run(control, "start", "--wait", "-D", data, "-o", options, "-l", log, user=user)
        try:
            yield f"postgresql+psycopg://postgres@/postgres?host={folder}"
        finally:
            run(control, "stop", "--wait", "--mode=immediate", "-D", data, user=user)
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def postgresql(postgresql_server: str) -> str:
    """The URL of an empty database."""
    return copy_of(postgresql_server, "template1")


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of an S3 server in this process, for as long as the tests run."""
    try:
        import s3fs  # noqa: F401
        from moto.server import ThreadedMotoServer
    except ImportError as error:
        missing(str(error.name))
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it reports every request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def object_store(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a folder in a bucket that nothing is in yet."""
    import fsspec  # both are slow to start, and few tests ask for them

    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tester")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    bucket = f"bucket-{next(NUMBERS)}"
    fsspec.filesystem("s3").mkdir(bucket)
    return f"s3://{bucket}/artifacts"

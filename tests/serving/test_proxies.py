"""The gateway behind nginx and Caddy, by the files that the docs name, and behind plain proxies.

Where a proxy is not installed its tests are skipped, but fail where $CI is set.
"""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from time import monotonic

import httpx2
import pytest
import yaml

from evaluation.generation.backends.own_vllm import free_port
from serving.gateway_server import running
from serving.openai_api.gateway import Gateway
from serving.openai_api.who_asks import KeyFile, add_key
from tests.certificates import certificate
from tests.conftest import ROOT
from tests.servers import missing
from tests.serving.conftest import NamingBackend, asking

pytestmark = [pytest.mark.slow, pytest.mark.attack]  # a start of nginx or Caddy
HOST, GATEWAY = "gateway.example.com", "127.0.0.1:8080"  # as the files have them
KEYS = Path("keys.yaml")
CHAT = "/v1/chat/completions"
SECONDS = 60  # that a proxy may take to start

# Around the docs' file stands what Debian's nginx.conf has, and where a test may write.
AROUND_NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log stderr;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  {server}
}}
"""
PLAIN_NGINX = """server {{
  listen 127.0.0.1:{port} ssl; ssl_certificate {secret}; ssl_certificate_key {secret};
  location / {{ proxy_pass http://{gateway}; }}
}}"""
# A certificate of its own in the place of one that Caddy would fetch.
AROUND_CADDY = """{{
  admin off
  auto_https disable_redirects
  default_bind 127.0.0.1
  https_port {port}
  local_certs
  skip_install_trust
  storage file_system {folder}/caddy
}}
{site}
"""
PLAIN_CADDY = (
    HOST
    + """ {{
  reverse_proxy {gateway}
}}"""
)


@pytest.fixture
def keys(gateway: Gateway) -> dict[str, str]:
    """A caller's key and an operator's; the gateway asks for one."""
    made = {name: add_key(KEYS, name) for name in ("ann", "ops")}
    KEYS.write_text(yaml.safe_dump(yaml.safe_load(KEYS.read_text()) | {"operators": ["ops"]}))
    gateway.keys = KeyFile(KEYS)
    return made


def nginx(gateway: str, port: int, folder: Path, *, plain: bool) -> list[str]:
    secret = str(certificate(folder, HOST))
    if plain:
        server = PLAIN_NGINX.format(port=port, secret=secret, gateway=gateway)
    else:
        server = of_docs("nginx.conf", gateway).replace("listen 443 ", f"listen 127.0.0.1:{port} ")
        live = f"/etc/letsencrypt/live/{HOST}"
        server = server.replace(f"{live}/fullchain.pem", secret)
        server = server.replace(f"{live}/privkey.pem", secret)
    file = folder / "nginx.conf"
    file.write_text(AROUND_NGINX.format(folder=folder, server=server))
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") or missing("nginx")
    return [program, "-p", str(folder), "-c", str(file)]


def caddy(gateway: str, port: int, folder: Path, *, plain: bool) -> list[str]:
    site = PLAIN_CADDY.format(gateway=gateway) if plain else of_docs("Caddyfile", gateway)
    file = folder / "Caddyfile"
    file.write_text(AROUND_CADDY.format(port=port, folder=folder, site=site))
    program = shutil.which("caddy") or missing("Caddy")
    return [program, "run", "--adapter", "caddyfile", "--config", str(file)]


def of_docs(name: str, gateway: str) -> str:
    text = (ROOT / "deploy" / "proxy" / name).read_text()
    assert GATEWAY in text
    return text.replace(GATEWAY, gateway)


Proxy = Callable[..., list[str]]


@contextmanager
def proxied(
    proxy: Proxy, gateway: Gateway, folder: Path, *, plain: bool = False
) -> Iterator[httpx2.Client]:
    """A client that reaches the gateway through a proxy alone."""
    with running(gateway) as address:
        port = free_port()
        command = proxy(address.removeprefix("http://"), port, folder, plain=plain)
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=log, env=os.environ | {"HOME": str(folder)}
            )
        try:
            with httpx2.Client(
                base_url=f"https://127.0.0.1:{port}", headers={"Host": HOST}, verify=False
            ) as client:
                client.event_hooks = {"request": [named]}
                wait_for(client, process, folder / "log")
                yield client
        finally:
            process.terminate()
            process.wait(timeout=20)


def named(request: httpx2.Request) -> None:
    """TLS is asked for by the name, and not by the address."""
    request.extensions = {**request.extensions, "sni_hostname": HOST}


def wait_for(client: httpx2.Client, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = monotonic() + SECONDS
    while monotonic() < until and process.poll() is None:
        try:
            client.get("/")
            return
        except httpx2.TransportError:
            Event().wait(0.05)
    pytest.fail(f"the proxy did not start: {log.read_text()}")


@pytest.mark.parametrize("proxy", [nginx, caddy])
def test_by_the_docs_file_a_proxy_passes_on_the_api_to_who_has_a_key(
    proxy: Proxy,
    gateway: Gateway,
    backend: NamingBackend,
    keys: dict[str, str],
    tmp_path: Path,
) -> None:
    bearers = {name: {"Authorization": f"Bearer {key}"} for name, key in keys.items()}
    with proxied(proxy, gateway, tmp_path) as client:
        assert client.post(CHAT, json=asking()).status_code == 401
        assert client.post(CHAT, json=asking(), headers=bearers["ann"]).status_code == 200
        for path in ("/metrics", "/healthz", "/v1/../metrics", "/v1/%2e%2e/metrics", "//metrics"):
            assert client.get(path, headers=bearers["ops"]).status_code == 404
        large = client.post(CHAT, json=asking("x" * 2**20), headers=bearers["ann"])
        assert large.status_code in (413, 502)  # which is Caddy's word for it, before 2.7
        assert len(backend.asked) == 1
        free = Event()
        backend.waits = lambda: asyncio.to_thread(free.wait)
        streamed = {"json": asking(stream=True), "headers": bearers["ann"]}
        with client.stream("POST", CHAT, **streamed) as answer:
            lines = answer.iter_lines()
            assert next(lines).startswith("data: ")  # before the rest was made
            free.set()
            assert list(lines)[-2:] == ["data: [DONE]", ""]


@pytest.mark.parametrize("proxy", [nginx, caddy])
def test_behind_a_plain_proxy_metrics_and_api_want_a_key(
    proxy: Proxy, gateway: Gateway, keys: dict[str, str], tmp_path: Path
) -> None:
    with proxied(proxy, gateway, tmp_path, plain=True) as client:
        for path in ("/metrics", "/v1/models", "/v1/incumbent/serving"):
            assert client.get(path).status_code == 401
        assert client.post(CHAT, json=asking()).status_code == 401
        own = {"Authorization": f"Bearer {keys['ann']}"}
        assert client.post(CHAT, json=asking(), headers=own).status_code == 200
        assert client.get("/metrics", headers=own).status_code == 403

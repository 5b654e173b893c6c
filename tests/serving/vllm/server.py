"""A real vLLM of a virtual environment of its own, as a process that tests may kill.

Nearly all of its start is imports, in each of its processes. So it has two of them and not three,
compiles nothing, and computes with one thread.
"""

import os
import signal
import subprocess
from pathlib import Path
from time import monotonic

import httpx2
import psutil

from evaluation.generation.backends.own_vllm import free_port
from tests.servers import python_of

SECONDS = 480  # that a start may take on a busy machine
ENVIRONMENT = {
    "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True",
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # without a third process, which imports all once more
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    "TORCHDYNAMO_DISABLE": "1",  # the first log-probabilities of a prompt wait 18 s for a compiler
}
OPTIONS = (
    "--served-model-name=base",
    "--dtype=float32",
    "--enforce-eager",
    "--enable-lora",
    "--max-loras=3",
    "--max-cpu-loras=3",
    "--max-lora-rank=16",
    "--max-model-len=512",
    "--max-num-seqs=16",
    "--host=127.0.0.1",
)


def vllm_python(folder: Path) -> Path:
    """For `evaluation.generation.vllm_python`: vLLM's Python, with the variables from above."""
    real = python_of("vllm")
    program = folder / "vllm-python"
    settings = "".join(f"export {name}={value}\n" for name, value in ENVIRONMENT.items())
    program.write_text(f'#!/bin/sh\n{settings}exec {real} "$@"\n')
    program.chmod(0o755)
    return program


def vllm_options() -> list[str]:
    """For `evaluation.generation.vllm_options`."""
    ours = ("--served-model-name", "--enable-lora", "--host")
    return [option for option in OPTIONS if not option.startswith(ours)]


def vllms_of(folder: Path) -> list[int]:
    """All processes of vLLM that work in a folder; they rename themselves."""
    return [
        process.pid
        for process in psutil.process_iter(["cmdline", "cwd"])
        if process.info["cwd"] == str(folder)
        and process.pid != os.getpid()
        and "vllm" in " ".join(process.info["cmdline"] or ()).lower()
    ]


class VllmServer:
    """One process group, on one port for as long as it lives; `root` is its address without /v1."""

    def __init__(self, python: Path, base: Path, log: Path) -> None:
        self.base = base
        self.log = log
        port = free_port()
        self.root = f"http://127.0.0.1:{port}"
        self.url = f"{self.root}/v1"
        module = "vllm.entrypoints.openai.api_server"
        self.command = [str(python), "-m", module, f"--model={base}", f"--port={port}", *OPTIONS]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it answers. Raises RuntimeError with the end of its log where it dies."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=os.environ | ENVIRONMENT,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        until = monotonic() + SECONDS
        while not self.answers():
            if monotonic() > until or self.died():
                self.kill()
                raise RuntimeError(f"vLLM did not start:\n{self.log.read_text()[-3000:]}")

    def answers(self) -> bool:
        try:
            return httpx2.get(f"{self.root}/health", timeout=5).is_success
        except httpx2.TransportError:
            return False

    def died(self) -> bool:
        """Whether it ended within the next moment."""
        try:
            self.process and self.process.wait(0.2)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """As a machine that fails: at once, its engine too."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def restart(self) -> None:
        """On the same port; the adapters that it had are gone."""
        self.kill()
        self.start()

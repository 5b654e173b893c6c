"""What the sample task costs and wins: seconds and peak memory of each stage, in a fresh copy.

    python -m benchmarks.sample_task

Copies the project's tracked files to a temporary folder, runs every stage of dvc.yaml there with an
empty DVC cache, and prints a table. Memory is the largest resident size of any one process.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
GIB = 1 << 20  # ru_maxrss counts KiB


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        copy_tracked_files(project)
        stages = yaml.safe_load((project / "dvc.yaml").read_bytes())["stages"]
        print(f"{'stage':<10} {'seconds':>8} {'peak GiB':>9}", flush=True)
        total, peak = 0.0, 0.0
        for stage in stages:
            seconds, memory = run_stage(project, stage)
            total, peak = total + seconds, max(peak, memory)
            print(f"{stage:<10} {seconds:>8.1f} {memory:>9.2f}", flush=True)
        print(f"{'all':<10} {total:>8.1f} {peak:>9.2f}")
        print(json.dumps(json.loads((project / "outputs/metrics.json").read_bytes()), indent=2))
        print((project / "outputs/calibration.json").read_text())


def copy_tracked_files(target: Path) -> None:
    names = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    for name in names:
        if name != "dvc.lock":
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    author = ["-c", "user.name=benchmark", "-c", "user.email=benchmark@localhost"]
    for command in (["init", "-q"], ["add", "-A"], [*author, "commit", "-qm", "start"]):
        subprocess.run(["git", *command], cwd=target, check=True)


def run_stage(project: Path, stage: str) -> tuple[float, float]:
    """Run one stage; returns its seconds and the peak memory of its processes in GiB."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "DVC_NO_ANALYTICS": "1"}
    environment.pop("INCUMBENT_HOME", None)
    start = time.monotonic()
    with (project / ".log").open("w") as log:
        process = subprocess.Popen(
            ["dvc", "repro", "--single-item", stage],
            cwd=project,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit((project / ".log").read_text())
    return time.monotonic() - start, usage.ru_maxrss / GIB


if __name__ == "__main__":
    main()

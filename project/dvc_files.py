"""What DVC keeps on the disk: which data a stage made, and where the cache has it."""

from pathlib import Path

import yaml


def locked_md5(lock: Path, stage: str, output: Path) -> str | None:
    """DVC's checksum of what a stage wrote, as the lock file has it; None where it has none."""
    stages = yaml.safe_load(lock.read_bytes())["stages"] if lock.exists() else {}
    outputs = stages.get(stage, {}).get("outs", [])
    return next((out["md5"] for out in outputs if Path(out["path"]) == output), None)


def cached_file(root: Path, md5: str) -> Path:
    """Where the cache of a DVC project has the bytes of a checksum, if it has them."""
    return root / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]

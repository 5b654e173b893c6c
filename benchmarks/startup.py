"""How long `incumbent --help` takes: the median of twenty starts, beside a bare interpreter's.

python -m benchmarks.startup
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 20


def main() -> None:
    command = str(Path(sys.executable).with_name("incumbent"))
    bare = median_seconds([sys.executable, "-c", "pass"])
    helped = median_seconds([command, "--help"])
    print(f"python -c pass    {bare:.3f} s")
    print(f"incumbent --help  {helped:.3f} s  ({helped / bare:.1f} times)")


def median_seconds(command: list[str]) -> float:
    def once() -> float:
        start = time.monotonic()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return time.monotonic() - start

    once()  # fills the file caches
    return statistics.median(once() for _ in range(RUNS))


if __name__ == "__main__":
    main()

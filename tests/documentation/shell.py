"""One bash for a whole page, so that `cd`, variables and jobs live on from command to command."""

import os
import secrets
import signal
import subprocess
import threading
from pathlib import Path
from typing import Self

LONGEST = 3600  # seconds that a page may take on a very busy machine: it ends a hang, no more


class Shell:
    """A context: at its end everything that was started in it is ended, and nothing else."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.mark = secrets.token_hex(16)
        read, self.script = os.pipe()
        # The script has a pipe of its own: a command that reads its input finds none, and does not
        # swallow the next command.
        self.bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc", f"/dev/fd/{read}"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[read],
            start_new_session=True,
            text=True,
            errors="replace",
        )
        os.close(read)
        self.status = 0
        self.limit = threading.Timer(LONGEST, self.end)

    def __enter__(self) -> Self:
        self.limit.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.limit.cancel()
        self.end()
        os.close(self.script)
        self.bash.wait()

    def end(self) -> None:
        try:
            os.killpg(self.bash.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def type(self, command: str) -> str:
        """What it prints, to the end; `status` is then its exit code, and so is `$?`."""
        after = f"printf '\\n%s %s\\n' {self.mark} $?"
        os.write(self.script, f"(exit {self.status})\n{command}\n{after}\n".encode())
        assert self.bash.stdout is not None
        printed = []
        for line in self.bash.stdout:
            if line.startswith(self.mark):
                self.status = int(line.split()[1])
                return "".join(printed).removesuffix("\n")
            printed.append(line)
        raise RuntimeError(f"the shell was ended, or took over {LONGEST} s:\n{''.join(printed)}")

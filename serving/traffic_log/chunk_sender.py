"""A thread that stores closed chunks; a folder that refuses them is asked again."""

import logging
from pathlib import Path
from threading import Event, Lock, Thread

from monitoring.traffic.traffic_store import held
from project.errors import IncumbentError
from serving.traffic_log.chunk_folder import ChunkFolder
from serving.traffic_log.once_a_minute import OnceAMinute
from serving.traffic_log.spool import Spool

AGAIN = 5.0  # seconds until chunks that were refused are tried again
log = logging.getLogger(__name__)


class ChunkSender:
    def __init__(self, spool: Spool, folder: ChunkFolder, say: OnceAMinute) -> None:
        self.spool = spool
        self.folder = folder
        self.say = say
        self.backlog = 0  # bytes that wait because the folder refused them
        self.wanted = Event()
        self.ended = False
        self.one_at_a_time = Lock()
        self.thread = Thread(target=self.run, name="traffic-sender", daemon=True)

    def run(self) -> None:
        while not self.ended:
            self.wanted.wait(AGAIN if self.backlog else None)
            self.wanted.clear()
            self.send_all()
        self.send_all()  # what was closed while the last round ran

    def send_all(self) -> None:
        """Store what is closed, up to the first chunk that is refused."""
        with self.one_at_a_time:
            try:
                for file, name in self.spool.closed():
                    self.send(file, name)
                self.backlog = 0
            except (IncumbentError, OSError) as error:
                self.say.warn("traffic waits in %s: %s", self.spool.root, error)
                self.backlog = max(self.spool.size(), 1)

    def send(self, file: Path, name: str) -> None:
        """Whoever erases rows has the file alone, before or after."""
        try:
            with held(file):
                if file.stat().st_size:
                    self.folder.put(file, name)
                file.unlink()
        except FileNotFoundError:
            if file.exists():  # it is the folder that lacks something
                raise

    def end(self, patience: float) -> None:
        """Try once more; what is refused stays in the spool for the next start."""
        self.ended = True
        self.wanted.set()
        self.thread.join(patience)

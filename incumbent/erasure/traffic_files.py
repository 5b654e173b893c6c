"""Where traffic lies: in a folder or on an object store, and on its way there."""

from pathlib import Path

from monitoring.monitoring_settings import TrafficParams
from monitoring.traffic.remote_traffic import RemoteTraffic
from project.object_stores import local_path
from project.settings import load
from serving.traffic_log.spool import spool_folder


def traffic_places() -> tuple[Path, ...]:
    """The folder, or copies of all that is on the object store; and the gateway's spool.

    Raises IncumbentError where the store cannot be read.
    """
    location = load(TrafficParams).folder
    if folder := local_path(location):
        return folder, spool_folder()
    remote = RemoteTraffic(location)
    remote.fetch_all()
    return remote.copies, spool_folder()


def put_back(path: Path) -> None:
    """Bring a copy that was cut to the object store, in its file's place."""
    location = load(TrafficParams).folder
    if local_path(location) is None and path.is_relative_to(RemoteTraffic.copies_of(location)):
        RemoteTraffic(location).put_back(path)

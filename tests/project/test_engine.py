"""The engine is a word of params.yaml, and this process gives the results in their order."""

import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from project.engine.engine_settings import EngineParams, RayParams, chosen_engine
from project.engine.mapped import finished_batches, mapped
from project.engine.ray_cluster import cpus_per_worker, knock, room_on
from project.errors import InputError
from project.settings import load


@pytest.mark.parametrize("said", ["{}", "engine: local", "engine: local\nray: {workers: 2}"])
def test_this_process_is_the_engine_unless_another_is_named(said: str) -> None:
    Path("params.yaml").write_text(said)
    assert chosen_engine(9) is None


def test_a_word_chooses_the_cluster_that_section_ray_describes() -> None:
    Path("params.yaml").write_text("engine: ray\nray: {address: auto, workers: 2}\n")
    assert chosen_engine(9) == RayParams(address="auto", workers=2)
    assert load(EngineParams).name == "ray"


def test_a_batch_alone_starts_no_cluster() -> None:
    Path("params.yaml").write_text("engine: ray\n")
    assert (chosen_engine(1), chosen_engine(2)) == (None, RayParams())
    Path("params.yaml").write_text("engine: ray\nray: {address: auto}\n")
    assert chosen_engine(1) == RayParams(address="auto")


def test_a_folder_without_settings_has_no_cluster() -> None:
    assert chosen_engine(9) is None


@pytest.mark.parametrize("said", ["spark", "[ray]", "{address: auto}", "7"])
def test_another_engine_is_refused_with_its_line(said: str) -> None:
    Path("params.yaml").write_text(f"\nengine: {said}\n")
    with pytest.raises(InputError, match=r"^params\.yaml:2: engine: there are local and ray"):
        chosen_engine(9)


@pytest.mark.parametrize("address", ["auto", "10.0.0.7:6379", "head.example:6379"])
def test_an_address_is_one_that_ray_knows(address: str) -> None:
    assert RayParams(address=address).address == address


@pytest.mark.parametrize("address", ["", "local", "head", "http://head", "head:99999", ":6379"])
def test_another_address_is_refused(address: str) -> None:
    Path("params.yaml").write_text(f"engine: ray\nray: {{address: '{address}'}}\n")
    with pytest.raises(InputError, match=r"^params\.yaml:2: ray\.address: must be null, auto"):
        chosen_engine(9)


def test_a_driver_that_is_no_part_of_the_cluster_is_told_to_be_a_job() -> None:
    Path("params.yaml").write_text("engine: ray\nray: {address: 'ray://head:10001'}\n")
    with pytest.raises(InputError, match=r"ray\.address: .*`ray job submit` it"):
        chosen_engine(9)


def test_an_address_at_which_nothing_listens_is_told_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and not listening
        with pytest.raises(OSError, match="refused"):
            knock(f"127.0.0.1:{taken.getsockname()[1]}")


def test_a_worker_has_as_many_cpus_as_this_process_has_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert cpus_per_worker(RayParams()) == 3
    assert cpus_per_worker(RayParams(cpus_per_worker=2)) == 2


@pytest.mark.parametrize(
    ("cpus_per_worker", "gpus_per_worker", "room"),
    [(1, 0, 16), (3, 0, 5), (17, 0, 0), (1, 1, 4), (8, 1, 2), (1, 0.5, 8), (1, 8, 0)],
)
def test_a_machine_has_room_by_what_is_scarcest(
    cpus_per_worker: int, gpus_per_worker: float, room: int
) -> None:
    params = RayParams(cpus_per_worker=cpus_per_worker, gpus_per_worker=gpus_per_worker)
    assert room_on({"CPU": 16.0, "GPU": 4.0}, params) == room


class Squares:
    """Makes a function that squares, and notes its batches."""

    def __init__(self) -> None:
        self.made = 0
        self.batches: list[list[int]] = []

    def __call__(self) -> Callable[[Sequence[int]], list[int]]:
        self.made += 1

        def squares(batch: Sequence[int]) -> list[int]:
            self.batches.append(list(batch))
            return [number**2 for number in batch]

        return squares


def test_results_come_in_the_order_of_the_items_from_batches_that_they_decide() -> None:
    maker = Squares()
    assert list(mapped(maker, range(7), None, batch=3)) == [0, 1, 4, 9, 16, 25, 36]
    assert (maker.made, maker.batches) == (1, [[0, 1, 2], [3, 4, 5], [6]])


def test_nothing_is_made_for_no_items() -> None:
    maker = Squares()
    assert list(finished_batches(maker, [], None)) == []
    assert maker.made == 0


def test_the_local_engine_needs_no_ray() -> None:
    code = "import sys; from project.engine import mapped, ray_cluster; print('ray' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"


def test_a_cluster_without_ray_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"ray.*: pip install 'incumbent\[ray\]"):
        list(mapped(Squares(), range(3), RayParams(), batch=1))

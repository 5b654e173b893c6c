"""What is chosen for a card, by what cards say of themselves."""

from types import SimpleNamespace
from typing import Any

import pytest

from project.gpu import Card, answering_map, card_here, device_of, own_index, training_map
from project.records.adapters import Precision

GIB = 1 << 30


def card(name: str, major: int, minor: int, gib: int = 24, **more: Any) -> Card:
    return Card(name=name, capability=(major, minor), memory=gib * GIB, **more)


# Compute capabilities: https://developer.nvidia.com/cuda-gpus; the MI300X is gfx942 to ROCm.
P100 = card("Tesla P100-PCIE-16GB", 6, 0, 16)
M60 = card("Tesla M60", 5, 2, 8)
V100 = card("Tesla V100-SXM2-16GB", 7, 0, 16)
T4 = card("Tesla T4", 7, 5, 15)
A100 = card("NVIDIA A100-SXM4-80GB", 8, 0, 80)
A10 = card("NVIDIA A10G", 8, 6)
L4 = card("NVIDIA L4", 8, 9)
RTX_4090 = card("NVIDIA GeForce RTX 4090", 8, 9)
H100 = card("NVIDIA H100 80GB HBM3", 9, 0, 80)
MI300X = card("AMD Instinct MI300X", 9, 4, 192, amd=True)
CARDS = (M60, P100, V100, T4, A100, A10, L4, RTX_4090, H100, MI300X)


@pytest.mark.parametrize(
    ("one", "precision"),
    [
        (M60, "float32"),
        *((old, "float16") for old in (P100, V100, T4)),
        *((new, "bfloat16") for new in (A100, A10, L4, RTX_4090, H100, MI300X)),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_a_card_computes_in_what_it_multiplies_itself(one: Card, precision: Precision) -> None:
    assert one.fastest == precision
    assert one.bf16 == (precision == "bfloat16")


@pytest.mark.parametrize(
    ("count", "environment", "index"),
    [
        (1, {}, 0),
        (4, {}, 0),
        (4, {"LOCAL_RANK": "3"}, 3),
        (1, {"LOCAL_RANK": "3"}, 0),  # a launcher that shows each process its own card alone
        (4, {"LOCAL_RANK": ""}, 0),
    ],
)
def test_each_process_of_a_machine_has_a_card_of_its_own(
    count: int, environment: dict[str, str], index: int
) -> None:
    assert own_index(count, environment) == index


def test_a_base_is_trained_whole_on_its_own_card_and_answers_from_all() -> None:
    third = card("NVIDIA L4", 8, 9, index=2, count=4)
    assert training_map(third) == {"": 2}
    assert answering_map(third, {}) == "auto"
    assert answering_map(third, {"LOCAL_RANK": "2"}) == {"": 2}
    assert (training_map(None), answering_map(None, {}), device_of(None)) == (None, "cpu", "cpu")
    assert device_of(third) == "cuda:2"


def torch_with(*, there: bool, hip: str | None = None) -> Any:
    """What is asked of torch, answered as it would with two cards."""
    cuda = SimpleNamespace(
        is_available=lambda: there,
        device_count=lambda: 2,
        current_device=lambda: 0,
        get_device_name=lambda index: f"card {index}",
        get_device_capability=lambda index: (8, index),
        get_device_properties=lambda index: SimpleNamespace(total_memory=GIB << index),
    )
    return SimpleNamespace(cuda=cuda, version=SimpleNamespace(hip=hip))


def test_torch_is_asked_about_this_processs_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    expected = Card(name="card 1", capability=(8, 1), memory=2 * GIB, index=1, count=2)
    assert card_here(torch_with(there=True)) == expected
    amd = card_here(torch_with(there=True, hip="6.4"))
    assert amd is not None
    assert amd.amd
    assert card_here(torch_with(there=False)) is None

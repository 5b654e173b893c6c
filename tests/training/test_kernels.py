"""Which kernels a base is trained with, by the card and by what is installed."""

import re
from pathlib import Path

import pytest

from project.errors import InputError
from project.gpu import Card
from project.records.adapters import Precision
from tests.conftest import ROOT
from tests.project.test_gpu import A10, A100, H100, L4, MI300X, P100, RTX_4090, T4, V100
from training.model.kernels import FLASH, attention_kernel, refuse_liger


@pytest.mark.parametrize(
    "one", [A10, A100, H100, L4, RTX_4090, MI300X], ids=lambda one: str(one.name)
)
def test_flash_attention_is_taken_where_it_is_installed_and_computes(one: Card) -> None:
    assert attention_kernel("auto", one, "bfloat16", installed=True) == FLASH
    assert attention_kernel("auto", one, "bfloat16", installed=False) is None
    assert attention_kernel("auto", one, "float32", installed=True) is None
    assert attention_kernel("sdpa", one, "bfloat16", installed=True) == "sdpa"


@pytest.mark.parametrize("one", [T4, V100, None], ids=str)
def test_older_cards_and_processors_attend_with_torchs_kernels(one: Card | None) -> None:
    assert attention_kernel("auto", one, "float16", installed=True) is None
    assert attention_kernel("eager", one, "float16", installed=True) == "eager"


@pytest.mark.parametrize(
    ("one", "precision", "installed", "told"),
    [
        (None, "float32", True, "there is no GPU"),
        (T4, "float16", True, r"Tesla T4 has compute capability 7\.5, and it needs 8\.0"),
        (A100, "float32", True, "base.precision is float32"),
        (A100, "bfloat16", False, "flash-attn is not installed"),
    ],
)
def test_flash_attention_that_cannot_be_had_is_refused_by_name(
    one: Card | None, precision: Precision, installed: bool, told: str
) -> None:
    Path("params.yaml").write_text(f"training:\n  adapter:\n    attention: {FLASH}\n")
    with pytest.raises(
        InputError, match=rf"params\.yaml:3: training\.adapter\.attention: .*{told}"
    ):
        attention_kernel(FLASH, one, precision, installed)


def test_liger_is_refused_without_a_gpu_without_itself_and_for_models_it_does_not_know() -> None:
    refuse_liger("llama", A100, {"llama"})
    for kind, one, known, told in (
        ("llama", None, {"llama"}, "needs a GPU"),
        ("llama", A100, None, r"not installed: pip install 'incumbent\[liger\]"),
        ("bloom", A100, {"llama"}, "no kernels for a model of kind bloom"),
    ):
        with pytest.raises(InputError, match=rf"training\.adapter\.kernels: .*{told}"):
            refuse_liger(kind, one, known)


@pytest.mark.parametrize(
    ("name", "one"),
    [
        ("Tesla P100", P100),
        ("Tesla V100", V100),
        ("Tesla T4", T4),
        ("A100", A100),
        ("A10G", A10),
        ("L4, RTX 4090", L4),
        ("L4, RTX 4090", RTX_4090),
        ("H100", H100),
        (r"MI300X \(ROCm\)", MI300X),
    ],
)
def test_the_documentation_says_of_each_card_what_is_chosen(name: str, one: Card) -> None:
    row = re.search(
        rf"^\| {name} \| (.*) \|$", (ROOT / "docs/how-to/hardware.md").read_text(), re.MULTILINE
    )
    assert row
    capability, precision, attention = row[1].split(" | ")
    flash = attention_kernel("auto", one, one.fastest, installed=True) == FLASH
    assert capability in (".".join(map(str, one.capability)), "gfx942")
    assert precision == one.fastest
    assert attention.partition(" build")[0] == ("flash-attn's" if flash else "torch's")

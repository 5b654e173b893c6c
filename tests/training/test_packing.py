"""Packed rows: nothing twice, nothing missing, and no row sees another one."""

from itertools import pairwise
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora.layer import Linear
from torch.testing import assert_close
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    MistralConfig,
    PretrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    Qwen3Config,
)

from project.records.data import Document
from training.model.kernels import FusedLinear, LoraProduct, fuse_lora, keep_mask
from training.model.row_attention import SHORT, attending_within_rows
from training.rows.packed_rows import even_pieces, held_out_of, pack
from training.rows.row_tokens import RowTokens
from training.steps.packed_trainer import CompletionLoss, add_completion_loss, packed_loss

VOCABULARY = 100
SHAPE = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
}
CONFIGS = {
    "Llama": LlamaConfig(**SHAPE),
    "Mistral, in a window": MistralConfig(**SHAPE, sliding_window=5),
    "Qwen 2": Qwen2Config(**SHAPE),
    "Qwen 3": Qwen3Config(**SHAPE),
}


def row(*ids: int, asked: int = 3) -> RowTokens:
    """One whose first tokens are a prompt."""
    return RowTokens(ids, tuple(place >= asked for place in range(len(ids))))


# They begin alike, one is there twice, one shares nothing; one begins with all of another.
ROWS = [
    row(1, 2, 3, 4, 5, 6),
    row(1, 2, 3, 7, 8, 9, 10, 11, 12),
    row(1, 2, 3, 4, 5, 6),
    row(20, 21, 22, 23),
    row(1, 2, 3, 4, 5, 6, 13, 14, asked=5),
]


# --- the tree -----------------------------------------------------------------------------------


def test_each_path_spells_its_row_without_its_last_token() -> None:
    packed = pack(ROWS)
    for one, path in zip(ROWS, packed.paths, strict=True):
        length = len(one) - 1
        assert packed.ids[path[:length]].tolist() == list(one.ids[:-1])
        assert packed.positions[path[:length]].tolist() == list(range(length))


def test_what_rows_begin_with_alike_stands_once() -> None:
    packed = pack(ROWS)
    assert packed.ids.tolist() == [1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 20, 21, 22, 6, 13]
    assert packed.tokens == sum(map(len, ROWS))


def test_each_learnt_token_is_predicted_from_the_one_before_it_as_often_as_it_stands() -> None:
    packed = pack(ROWS)
    pairs = zip(packed.ids[packed.reads].tolist(), packed.targets.tolist(), strict=True)
    assert list(pairs) == [
        (one.ids[place - 1], one.ids[place])
        for one in ROWS
        for place in range(len(one))
        if one.learnt[place]
    ]


def test_every_place_of_a_row_is_a_tokens_first_one_or_a_copy() -> None:
    packed = pack(ROWS)
    flat = packed.paths.flatten()
    assert flat[packed.homes].tolist() == list(range(len(packed)))
    assert flat[packed.copies].tolist() == packed.copied.tolist()
    assert len(packed.homes) + len(packed.copies) == sum(len(one) - 1 for one in ROWS)


def test_a_row_of_one_token_is_left_out() -> None:
    assert len(pack([row(1), row(5, 6, asked=0)])) == 1


# --- in a model ---------------------------------------------------------------------------------


def made(config: PretrainedConfig, attention: str = "sdpa", **lora: Any) -> PeftModel:
    """Three random layers with an adapter on them that does something already."""
    torch.manual_seed(0)
    base: PreTrainedModel = AutoModelForCausalLM.from_config(config, attn_implementation=attention)
    adapter = LoraConfig(task_type="CAUSAL_LM", target_modules="all-linear", r=4, **lora)
    model = get_peft_model(base, adapter)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)
    add_completion_loss(base)
    return model


def gradients(model: PeftModel) -> dict[str, torch.Tensor]:
    found = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    return found


def learn_one_by_one(model: PeftModel, rows: list[RowTokens]) -> float:
    """The sum of the losses, each row alone, in the model's own way."""
    total = 0.0
    for one in rows:
        ids, labels = torch.tensor([one.ids]), torch.tensor([one.labels])
        count = sum(one.learnt)
        loss = model(input_ids=ids, labels=labels, use_cache=False).loss * count
        torch.autograd.backward(loss)
        total += float(loss.detach())
    return total


def learn_packed(model: PeftModel, rows: list[RowTokens]) -> float:
    with attending_within_rows(model.get_base_model()):
        loss = packed_loss(model, pack(rows))
        torch.autograd.backward(loss)
    return float(loss.detach())


@pytest.mark.slow
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_packed_rows_have_the_loss_and_the_gradients_of_separate_ones(
    config: PretrainedConfig, attention: str
) -> None:
    model = made(config, attention)
    alone, of_alone = learn_one_by_one(model, ROWS), gradients(model)
    assert learn_packed(model, ROWS) == pytest.approx(alone, rel=1e-5)
    assert_close(gradients(model), of_alone, rtol=1e-4, atol=1e-5)
    assert model.config._attn_implementation == attention  # as it was


@pytest.mark.slow
def test_long_rows_have_the_gradients_of_separate_ones() -> None:
    torch.manual_seed(1)
    ids = torch.randint(VOCABULARY, (2, SHORT + 10)).tolist()
    rows = [row(*ids[0], asked=SHORT), row(*ids[0][:20], *ids[1], asked=SHORT)]
    model = made(LlamaConfig(**SHAPE))
    alone, of_alone = learn_one_by_one(model, rows), gradients(model)
    assert learn_packed(model, rows) == pytest.approx(alone, rel=1e-5)
    assert_close(gradients(model), of_alone, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_documents_do_not_see_each_other() -> None:
    model = made(LlamaConfig(**SHAPE)).eval()
    mine, other, another = row(5, 6, 7, 8), row(30, 31, 32, 33), row(40, 41, 42)
    alone = [learn_packed(model, [one]) for one in (mine, other, another)]
    assert learn_packed(model, [other, mine]) == pytest.approx(alone[1] + alone[0], rel=1e-6)
    assert learn_packed(model, [another, mine]) == pytest.approx(alone[2] + alone[0], rel=1e-6)


@pytest.mark.slow
def test_gradient_checkpointing_changes_no_gradient() -> None:
    model = made(LlamaConfig(**SHAPE), lora_dropout=0.3)
    fuse_lora(model)
    model.train()
    torch.manual_seed(3)
    learn_packed(model, ROWS)
    kept = gradients(model)
    model.get_base_model().gradient_checkpointing_enable()
    model.enable_input_require_grads()
    torch.manual_seed(3)
    learn_packed(model, ROWS)
    assert_close(gradients(model), kept)


# --- LoRA in one piece --------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_fused_lora_has_the_gradients_of_pefts(dtype: torch.dtype) -> None:
    model = made(LlamaConfig(**SHAPE, attention_bias=True)).to(dtype)
    learn_one_by_one(model, ROWS)
    of_peft = gradients(model)
    assert fuse_lora(model) == 3 * 7
    learn_one_by_one(model, ROWS)
    far = 1e-5 if dtype == torch.float32 else 0.1
    assert_close(gradients(model), of_peft, rtol=10 * far, atol=far)


@pytest.mark.slow
def test_an_adapter_that_is_switched_off_or_merged_does_nothing_twice() -> None:
    model = made(LlamaConfig(**SHAPE)).eval()
    ids = torch.tensor([ROWS[0].ids])
    with torch.no_grad():
        with_adapter = model(input_ids=ids).logits
        with model.disable_adapter():
            without = model(input_ids=ids).logits
        fuse_lora(model)
        assert_close(model(input_ids=ids).logits, with_adapter)
        with model.disable_adapter():
            assert_close(model(input_ids=ids).logits, without)
        assert_close(model.merge_and_unload()(input_ids=ids).logits, with_adapter)


def test_dropout_scales_what_it_keeps_in_both_directions() -> None:
    torch.manual_seed(0)
    x, a, b = (torch.randn(*shape, requires_grad=True) for shape in ((7, 12), (4, 12), (9, 4)))
    weight, bias = torch.randn(9, 12), torch.randn(9)
    keep = keep_mask(7, 12, 0.4, torch.float32)
    plain = x @ weight.T + bias + 2 * ((x * keep) @ a.T) @ b.T
    fused = LoraProduct.apply(x, weight, bias, a, b, 2.0, keep)  # type: ignore[no-untyped-call]
    assert_close(fused, plain)
    towards = torch.randn_like(plain)
    of_plain = torch.autograd.grad(plain, (x, a, b), towards)
    assert_close(torch.autograd.grad(fused, (x, a, b), towards), of_plain)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_mask_drops_its_share_and_a_seed_decides_it(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    first, second = (keep_mask(1000, 201, 0.05, dtype) for _ in range(2))
    assert set(first.flatten().tolist()) == {0, 1}
    assert float(first.float().mean()) == pytest.approx(0.95, abs=0.002)
    assert not torch.equal(first, second)
    torch.manual_seed(0)
    assert torch.equal(keep_mask(1000, 201, 0.05, dtype), first)


def test_dropout_is_off_where_a_model_is_measured() -> None:
    layer = Linear(torch.nn.Linear(8, 8), "default", LoraConfig(lora_dropout=0.5), r=2)
    layer.get_base_layer().weight.requires_grad_(False)
    torch.nn.init.normal_(layer.lora_B["default"].weight)
    fuse_lora(layer)
    assert type(layer) is FusedLinear
    x = torch.randn(5, 8)
    assert not torch.equal(layer(x), layer(x))
    layer.eval()
    assert torch.equal(layer(x), layer(x))


# --- the loss -----------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk", [1 << 27, 3 * 4 * VOCABULARY], ids=["at once", "in chunks"])
def test_the_loss_is_the_sum_of_cross_entropies_with_its_gradient(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.steps.packed_trainer.CHUNK_BYTES", chunk)
    torch.manual_seed(0)
    states, weight = torch.randn(7, 16, requires_grad=True), torch.randn(VOCABULARY, 16)
    bias, targets = torch.randn(VOCABULARY), torch.randint(VOCABULARY, (7,))
    logits = states @ weight.T + bias
    plain = torch.nn.functional.cross_entropy(logits, targets, reduction="sum")
    ours = CompletionLoss.apply(states, weight, bias, targets)  # type: ignore[no-untyped-call]
    assert_close(ours, plain)
    (of_plain,) = torch.autograd.grad(plain / 3, states)
    (of_ours,) = torch.autograd.grad(ours / 3, states)
    assert_close(of_ours, of_plain)


# --- test document pieces -------------------------------------------------------------------------

# Documents are cut into even pieces that fit a window, and some are held out.


def tokens(count: int) -> RowTokens:
    return RowTokens(tuple(range(count)), (True,) * count)


def documents(*texts: str) -> list[Document]:
    return [Document.of(text, source="policies.md") for text in texts]


@pytest.mark.parametrize("count", [1, 7, 8, 9, 16, 17, 100])
def test_pieces_fit_the_window_lose_nothing_and_differ_by_one_token_at_most(count: int) -> None:
    pieces = even_pieces(tokens(count), window=8)
    assert sum([piece.ids for piece in pieces], ()) == tokens(count).ids
    sizes = [len(piece) for piece in pieces]
    assert max(sizes) <= 8
    assert max(sizes) - min(sizes) <= 1
    assert all(later.ids[0] == earlier.ids[-1] + 1 for earlier, later in pairwise(pieces))


def test_a_share_of_the_documents_is_held_out_by_their_text_alone() -> None:
    texts = [f"policy number {i}" for i in range(20)]
    learnt, held_out = held_out_of(documents(*texts), 0.2)
    assert (len(learnt), len(held_out)) == (16, 4)
    again, same = held_out_of(documents(*reversed(texts)), 0.2)
    assert {one.text for one in same} == {one.text for one in held_out}
    assert len(again) == 16


@pytest.mark.parametrize(("count", "share", "held_out"), [(1, 0.9, 0), (2, 0.9, 1), (3, 0.0, 0)])
def test_something_is_always_left_to_learn(count: int, share: float, held_out: int) -> None:
    learnt, kept = held_out_of(documents(*(f"text {i}" for i in range(count))), share)
    assert (len(learnt), len(kept)) == (count - held_out, held_out)

"""The training of a reward head with TRL: of some hundred weights, on vectors made beforehand."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from datasets import Dataset
from transformers import PrinterCallback
from trl import RewardConfig, RewardTrainer

from evaluation.preference.reward.exchange_vectors import ExchangeVectors
from evaluation.preference.reward.reward_head import RewardHead, RewardHeadConfig, features
from evaluation.preference.reward.reward_model import EMBEDDER
from evaluation.preference.reward.training_steps import Steps
from project.libraries import mix_precision
from project.records.preferences import PreferencePair

# A convex problem, and by then it is solved: other numbers change the time that it takes.
EPOCHS, BATCH, RATE = 30, 256, 0.02
PENALTY = 4e-3  # of the squared weights of the answers' vectors: how far it leaves the cosine


def train_head(
    pairs: Sequence[PreferencePair], vectors: ExchangeVectors, seed: int, folder: Path
) -> None:
    """Train a head on pairs and save it beside its embedder: safetensors, JSON, and no pickle."""
    exchanges = list(
        dict.fromkeys((p.prompt, said) for p in pairs for said in (p.chosen, p.rejected))
    )
    known = features(vectors, *zip(*exchanges, strict=True))
    head = RewardHead(RewardHeadConfig(width=known.shape[1] - 2), known)
    numbers = {exchange: i for i, exchange in enumerate(exchanges)}
    rows = [
        {
            "chosen_ids": [numbers[pair.prompt, pair.chosen]],
            "rejected_ids": [numbers[pair.prompt, pair.rejected]],
        }
        for pair in pairs
    ]
    trainer = RewardTrainer(
        model=head,
        args=head_config(seed),
        train_dataset=Dataset.from_list(rows),
        processing_class=vectors.model.tokenizer,  # TRL asks for one, and has no use for it here
        callbacks=[Steps()],
        optimizers=(optimizer(head), None),
    )
    trainer.remove_callback(PrinterCallback)  # a line for each log
    trainer.train()
    save_head(head, vectors, folder)


def save_frozen(vectors: ExchangeVectors, folder: Path) -> None:
    """An untrained head: the cosine alone judges."""
    width = vectors.prompts(["one"]).shape[1]
    save_head(RewardHead(RewardHeadConfig(width=width, frozen=True)), vectors, folder)


def save_head(head: RewardHead, vectors: ExchangeVectors, folder: Path) -> None:
    head.save_pretrained(folder)
    vectors.model.save_pretrained(str(folder / EMBEDDER), create_model_card=False)


def optimizer(head: RewardHead) -> torch.optim.Optimizer:
    """Adam with a penalty that is part of the loss, and keeps what is learnt near the cosine."""
    groups = [
        {"params": head.fit.parameters(), "weight_decay": 0.0},
        {"params": head.style.parameters(), "weight_decay": PENALTY},
    ]
    return torch.optim.Adam(groups, lr=RATE)


def head_config(seed: int) -> RewardConfig:
    return RewardConfig(
        output_dir=tempfile.gettempdir(),  # nothing is saved there: save_strategy is "no"
        num_train_epochs=EPOCHS,
        per_device_train_batch_size=BATCH,
        max_length=None,
        gradient_checkpointing=False,
        **mix_precision("float32"),
        use_cpu=True,  # some hundred weights
        dataloader_pin_memory=False,
        seed=seed,
        disable_tqdm=True,  # the callback says how far it is
        save_strategy="no",
        report_to="none",
        logging_strategy="no",
    )

"""The reward model that stage `reward` leaves: what was learnt, or the frozen cosine where that
judges better.
"""

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig, TaskType
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PrinterCallback,
    TrainerCallback,
)
from trl import RewardConfig, RewardTrainer

from evaluation.evaluation_settings import OF_THE_EMBEDDER, RewardParams
from evaluation.preference.judge_calibration import calibrate, cosine_wins
from evaluation.preference.reward_model import (
    EMBEDDER,
    ExchangeVectors,
    FrozenCosine,
    RewardHead,
    RewardHeadConfig,
    RewardModel,
    exchange,
    features,
    separator_of,
)
from project.libraries import mix_precision
from project.progress import progress
from project.records.adapters import Precision
from project.records.preferences import Calibration, PreferencePair
from project.shown_passages import judged_on

# Other rows' answers that each answer is held against in training. With one of each, a head learns
# which topics were chosen; with many, no topic wins, and what is left is whether an answer fits.
OTHERS = 12


def learn_reward(
    pairs: Sequence[PreferencePair],
    held_out: Sequence[PreferencePair],
    vectors: ExchangeVectors,
    start: Path,
    params: RewardParams,
    precision: Precision,
    folder: Path,
) -> Calibration:
    """Train on pairs, save into folder, and calibrate on held-out pairs, of other groups.

    A model of one's own stays, whatever the frozen cosine reaches.
    """
    cosine = FrozenCosine(vectors)
    if params.model != OF_THE_EMBEDDER:
        train_reward(pairs, start, params, precision, folder)
        return calibrate(RewardModel(folder, vectors), held_out, cosine)
    train_head(pairs, vectors, folder)
    calibration = calibrate(RewardModel(folder, vectors), held_out, cosine)
    if not cosine_wins(calibration):
        return calibration
    save_frozen(vectors, folder)
    return calibrate(RewardModel(folder, vectors), held_out, cosine)


SEED = 0
# Of either training: the callback says how far it is, and what was learnt is saved at the end.
UNSAVED: dict[str, Any] = {
    "output_dir": tempfile.gettempdir(),
    "gradient_checkpointing": False,
    "disable_tqdm": True,
    "save_strategy": "no",
    "report_to": "none",
    "seed": SEED,
}


# --- head training --------------------------------------------------------------------------------

# The training of a reward head with TRL: of some hundred weights, on vectors made beforehand.

# A convex problem, and by then it is solved: other numbers change the time that it takes.
EPOCHS, BATCH, RATE = 30, 256, 0.02
PENALTY = 4e-3  # of the squared weights of the answers' vectors: how far it leaves the cosine


def train_head(pairs: Sequence[PreferencePair], vectors: ExchangeVectors, folder: Path) -> None:
    """Train a head on pairs and save it beside its embedder: safetensors, JSON, and no pickle."""
    exchanges = list(
        dict.fromkeys((pair_question(p), text) for p in pairs for text in (p.chosen, p.rejected))
    )
    known = features(vectors, *zip(*exchanges, strict=True))
    head = RewardHead(RewardHeadConfig(width=known.shape[1] - 2), known)
    numbers = {exchange: i for i, exchange in enumerate(exchanges)}
    rows = [
        {
            "chosen_ids": [numbers[pair_question(pair), pair.chosen]],
            "rejected_ids": [numbers[pair_question(pair), pair.rejected]],
        }
        for pair in pairs
    ]
    # Adam with a penalty that is part of the loss, and keeps what is learnt near the cosine.
    groups = [
        {"params": head.fit.parameters(), "weight_decay": 0.0},
        {"params": head.style.parameters(), "weight_decay": PENALTY},
    ]
    trainer = RewardTrainer(
        model=head,
        args=head_config(),
        train_dataset=Dataset.from_list(rows),
        processing_class=vectors.model.tokenizer,  # TRL asks for one, and has no use for it here
        callbacks=[Steps()],
        optimizers=(torch.optim.Adam(groups, lr=RATE), None),
    )
    trainer.remove_callback(PrinterCallback)  # a line for each log
    trainer.train()
    save_head(head, vectors, folder)


def pair_question(pair: PreferencePair) -> str:
    return judged_on(pair.prompt, pair.evidence)


def save_frozen(vectors: ExchangeVectors, folder: Path) -> None:
    """An untrained head: the cosine alone judges."""
    width = vectors.prompts(["one"]).shape[1]
    save_head(RewardHead(RewardHeadConfig(width=width, frozen=True)), vectors, folder)


def save_head(head: RewardHead, vectors: ExchangeVectors, folder: Path) -> None:
    head.save_pretrained(folder)
    vectors.model.save_pretrained(str(folder / EMBEDDER), create_model_card=False)


def head_config() -> RewardConfig:
    return RewardConfig(
        **UNSAVED,
        num_train_epochs=EPOCHS,
        per_device_train_batch_size=BATCH,
        max_length=None,
        **mix_precision("float32"),
        use_cpu=True,  # some hundred weights
        dataloader_pin_memory=False,
        logging_strategy="no",
    )


# --- reward training ------------------------------------------------------------------------------

# The training of a user's own classifier into a reward model with TRL: of all its weights, or of a
# LoRA that is merged into them.

BATCH_SIZE = 16  # pairs of a step: 180 rows make some twenty steps an epoch
MAX_LENGTH = 256  # tokens of an exchange that are read, as the embedder reads
# PEFT trains the new head, which is drawn at random, beside the LoRA of a classifier. A rank of 8
# is that of the paper's classifiers: Hu et al. 2021, arXiv 2106.09685, appendix D.
LORA = {"r": 8, "lora_alpha": 16, "target_modules": "all-linear"}


def train_reward(
    pairs: Sequence[PreferencePair],
    base: Path,
    params: RewardParams,
    precision: Precision,
    folder: Path,
) -> None:
    """Fine-tune a model into a reward model: safetensors, JSON, and no pickle.

    In another precision than float32 it is mixed: the weights stay in float32.
    """
    tokenizer = AutoTokenizer.from_pretrained(base, model_max_length=MAX_LENGTH)
    tokenizer.eos_token = tokenizer.eos_token or tokenizer.sep_token  # TRL ends texts with it
    torch.manual_seed(SEED)  # the new head's weights are drawn here
    model = AutoModelForSequenceClassification.from_pretrained(
        base, num_labels=1, dtype=torch.float32, use_safetensors=True
    )
    rows = [
        {
            "chosen_ids": token_ids(pair_question(pair), pair.chosen, tokenizer, MAX_LENGTH),
            "rejected_ids": token_ids(pair_question(pair), pair.rejected, tokenizer, MAX_LENGTH),
        }
        for pair in pairs
    ]
    args = reward_config(params, precision)
    args._n_gpu = min(args.n_gpu, 1)  # no batch is split among several GPUs unasked
    trainer = RewardTrainer(
        model=model,
        args=args,
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        peft_config=LoraConfig(task_type=TaskType.SEQ_CLS, **LORA) if params.lora else None,
        callbacks=[Steps()],
    )
    trainer.remove_callback(PrinterCallback)  # a line for each log
    trainer.train()
    trained = trainer.model.merge_and_unload() if params.lora else model
    trained.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def token_ids(prompt: str, answer: str, tokenizer: Any, limit: int) -> list[int]:
    """An exchange and its end as tokens. One that is too long loses the beginning of its prompt, as
    when it is judged; TRL would leave it out.
    """
    text = exchange(prompt, answer, separator_of(tokenizer))
    text = text if text.endswith(tokenizer.eos_token) else f"{text}{tokenizer.eos_token}"
    ids: list[int] = tokenizer(text)["input_ids"]
    head = ids[:1] if ids[0] in (tokenizer.cls_token_id, tokenizer.bos_token_id) else []
    return ids if len(ids) <= limit else head + ids[len(head) - limit :]


def reward_config(params: RewardParams, precision: Precision) -> RewardConfig:
    return RewardConfig(
        **UNSAVED,
        num_train_epochs=params.epochs,
        per_device_train_batch_size=BATCH_SIZE,
        learning_rate=params.learning_rate,
        max_length=MAX_LENGTH,
        warmup_steps=0.1,
        **mix_precision(precision),
        use_cpu=not torch.cuda.is_available(),
        dataloader_pin_memory=torch.cuda.is_available(),
    )


# --- training steps -------------------------------------------------------------------------------

# How far the training of a reward model is, as all long work says it.


class Steps(TrainerCallback):
    """Says how many steps are done."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.shown = ExitStack()
        self.bar = self.shown.enter_context(progress("reward model", state.max_steps, "steps"))

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.bar.advance()

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.shown.close()

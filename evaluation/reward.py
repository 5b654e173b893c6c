"""Stage `reward`: train the preference model with TRL, on pairs from the training split only."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, ProgressCallback
from trl import RewardConfig, RewardTrainer

from evaluation.generate import respondent
from evaluation.params import Decoding, RewardParams
from evaluation.preference import Judge, RewardModel, exchange
from registry.errors import InputError, run_stage
from registry.files import staged_folder
from registry.layout import BASE, CALIBRATION, EMBEDDER, REWARD, rows_of
from registry.models import pinned_folder
from registry.params import load
from registry.records import Calibration, ModelPin, Record, Row, Split

LIKE_LENGTH = 0.15  # two answers are of like length when they differ by less than this share


class Pair(Record):
    prompt: str
    chosen: str
    rejected: str


def main() -> None:
    params = load(RewardParams, "evaluation.reward")
    decoding = load(Decoding, "evaluation.decoding")
    rows = Row.read_lines(rows_of(Split.TRAIN))[-params.rows :]
    bare = respondent(ModelPin.read(BASE), None, None, decoding)
    own = {answer.item: answer.text for answer in bare.answers(rows, "bare base, training rows")}
    learnt, held_out = part(rows, params.held_out_share)
    train, test = pairs(learnt, own), pairs(held_out, own)
    with staged_folder(REWARD) as draft:
        train_reward(train, pinned_folder(ModelPin.read(EMBEDDER), "embedder"), params, draft)
    calibration = calibrate(RewardModel(REWARD), test)
    calibration.write(CALIBRATION)
    print(f"preference by {calibration}; picking the longer: {calibration.longer_accuracy:.0%}")


def part(rows: Sequence[Row], share: float) -> tuple[list[Row], list[Row]]:
    """Hold out the groups of the first rows, whole, so that no twin is on both sides."""
    groups = {row.group for row in rows[: max(1, round(len(rows) * share))]}
    learnt = [row for row in rows if row.group not in groups]
    held_out = [row for row in rows if row.group in groups]
    for side in (learnt, held_out):
        if len({row.group for row in side}) < 2:
            raise InputError(
                f"{len(rows)} training rows are too few to train and to calibrate a preference "
                "model: each side needs rows of two groups",
                file=rows_of(Split.TRAIN),
            )
    return learnt, held_out


def pairs(rows: Sequence[Row], own_answers: Mapping[str, str]) -> list[Pair]:
    """Two pairs a row: the expert's answer against the bare base's, and against another row's.

    The base's answer teaches what a bad answer sounds like. The other row's is an expert's too, of
    the nearest length, so that only what it says can tell the two apart.
    """
    made = []
    for row in rows:
        for rejected in (own_answers[row.id], other_answer(row, rows)):
            if rejected != row.completion_text:
                pair = Pair(prompt=row.prompt_text, chosen=row.completion_text, rejected=rejected)
                made.append(pair)
    return made


def other_answer(row: Row, rows: Sequence[Row]) -> str:
    """The answer, nearest in length, of a row of another group, in the same slices if it can be."""
    others = [other for other in rows if other.group != row.group]
    length = len(row.completion_text)
    nearest = min(
        others,
        key=lambda o: (o.slices != row.slices, abs(len(o.completion_text) - length), o.id),
    )
    return nearest.completion_text


def train_reward(pairs: Sequence[Pair], base: Path, params: RewardParams, folder: Path) -> None:
    """Fine-tune the embedder's encoder into a reward model: safetensors, JSON, and no pickle."""
    tokenizer = AutoTokenizer.from_pretrained(base, model_max_length=params.max_length)
    tokenizer.eos_token = tokenizer.eos_token or tokenizer.sep_token  # TRL ends texts with it
    torch.manual_seed(params.seed)  # the new head's weights are drawn here
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=1)
    texts = [
        {
            "chosen": exchange(pair.prompt, pair.chosen, tokenizer.sep_token),
            "rejected": exchange(pair.prompt, pair.rejected, tokenizer.sep_token),
        }
        for pair in pairs
    ]
    trainer = RewardTrainer(
        model=model,
        args=reward_config(params),
        train_dataset=Dataset.from_list(texts),
        processing_class=tokenizer,
    )
    trainer.remove_callback(ProgressCallback)
    trainer.add_callback(BarOnly)
    trainer.train()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


class BarOnly(ProgressCallback):
    """A progress bar without a line for each log."""

    def on_log(self, *_: Any, **__: Any) -> None:
        pass


def reward_config(params: RewardParams) -> RewardConfig:
    return RewardConfig(
        output_dir=tempfile.gettempdir(),  # nothing is saved there: save_strategy is "no"
        num_train_epochs=params.epochs,
        per_device_train_batch_size=params.batch_size,
        learning_rate=params.learning_rate,
        max_length=params.max_length,
        warmup_steps=0.1,
        gradient_checkpointing=False,
        bf16=False,
        use_cpu=not torch.cuda.is_available(),
        dataloader_pin_memory=torch.cuda.is_available(),
        seed=params.seed,
        disable_tqdm=False,  # the bar is what shows that it goes on
        save_strategy="no",
        report_to="none",
    )


def calibrate(model: Judge, pairs: Sequence[Pair]) -> Calibration:
    """Accuracy on pairs that the model has not seen, beside "pick the longer"."""
    prompts = [pair.prompt for pair in pairs]
    rejected, chosen = [pair.rejected for pair in pairs], [pair.chosen for pair in pairs]
    chances = model.prefer(prompts, rejected, chosen)
    right = [chance is not None and chance > 0.5 for chance in chances]
    longer = [len(pair.chosen) > len(pair.rejected) for pair in pairs]
    matched = [hit for hit, pair in zip(right, pairs, strict=True) if like_length(pair)]
    return Calibration(
        source="reward model",
        n=len(pairs),
        accuracy=sum(right) / len(right),
        longer_accuracy=sum(longer) / len(longer),
        matched_n=len(matched),
        matched_accuracy=sum(matched) / len(matched) if matched else None,
    )


def like_length(pair: Pair) -> bool:
    a, b = len(pair.chosen), len(pair.rejected)
    return abs(a - b) < LIKE_LENGTH * max(a, b)


if __name__ == "__main__":
    run_stage(main)

"""What the evaluation stages may be told; the policy of promotion stands in policy.py."""

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from registry.params import Settings


class Decoding(Settings):
    """How both sides answer: greedy, so that an answer is a function of model and prompt."""

    max_new_tokens: PositiveInt = 48
    batch_size: PositiveInt = 16


class ScoringParams(Settings):
    stem: bool = True  # ROUGE compares Porter stems, as rouge-score's usual setting does


class RewardParams(Settings):
    """The reward model: a classifier on the embedder's encoder, trained on preference pairs."""

    rows: PositiveInt = 240  # training rows that pairs are made from, two a row; the last ones
    held_out_share: float = Field(default=0.25, gt=0, lt=1)  # of these rows, for calibration
    epochs: PositiveFloat = 2
    batch_size: PositiveInt = 16
    learning_rate: PositiveFloat = 1e-4
    max_length: PositiveInt = 256
    seed: NonNegativeInt = 0

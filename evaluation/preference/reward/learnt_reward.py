"""The reward model that stage `reward` leaves: what was learnt, or the frozen cosine where that
judges better.
"""

from collections.abc import Sequence
from pathlib import Path

from evaluation.evaluation_settings import OF_THE_EMBEDDER, RewardParams
from evaluation.preference.calibration import calibrate, cosine_wins
from evaluation.preference.reward.exchange_vectors import ExchangeVectors
from evaluation.preference.reward.frozen_cosine import FrozenCosine
from evaluation.preference.reward.head_training import save_frozen, train_head
from evaluation.preference.reward.reward_model import RewardModel
from evaluation.preference.reward.reward_training import train_reward
from project.records.adapters import Precision
from project.records.calibration import Calibration
from project.records.preferences import PreferencePair

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
    train_head(pairs, vectors, params.seed, folder)
    calibration = calibrate(RewardModel(folder, vectors), held_out, cosine)
    if not cosine_wins(calibration):
        return calibration
    save_frozen(vectors, folder)
    return calibrate(RewardModel(folder, vectors), held_out, cosine)

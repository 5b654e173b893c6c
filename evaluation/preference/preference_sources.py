"""Which of two answers is preferred: the sources of preference, and the one that is configured."""

from collections.abc import Sequence
from pathlib import Path

from evaluation.evaluation_settings import PreferenceParams
from evaluation.preference.ballot_files import preferences, read_ballots
from evaluation.preference.comparison import Comparison, Judge, Judgement


class Ballots:
    """People: the mean of their blind ballots on an item; an item without ballots is unjudged."""

    source = "ballots"

    def __init__(self, path: Path, champion: str, challenger: str) -> None:
        self.by_item = preferences(read_ballots(path), champion, challenger)

    def prefer(self, comparisons: Sequence[Comparison]) -> list[Judgement]:
        return [Judgement(win_probability=self.by_item.get(pair.item)) for pair in comparisons]


def judge_of(params: PreferenceParams, folder: Path, champion: str, challenger: str) -> Judge:
    """The configured source; folder is what stage `reward` left, the names are those in ballots.

    Raises InputError for ballots that cannot be read.
    """
    if params.source == "judge" and params.judge:
        # Imported here because its HTTP client comes with an extra that ballots do without.
        from evaluation.preference.llm_judge import LlmJudge

        return LlmJudge(params.judge)
    if params.source == "ballots" and params.ballots:
        return Ballots(params.ballots, champion, challenger)
    # Imported here so that the other sources do not wait for torch.
    from evaluation.preference.reward_model import RewardModel

    return RewardModel(folder)

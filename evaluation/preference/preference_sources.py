"""Which of two answers is preferred: the sources of preference, and the one that is configured."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from evaluation.evaluation_settings import PreferenceParams
from evaluation.generation.answers import IN_FILES, KeptBytes
from evaluation.preference.ballots.ballot_files import answer_digest, preferences, read_ballots
from evaluation.preference.preference_pairs import AnswerPair, Judge, Judgement
from project.records.ballots import Ballot
from project.records.preferences import BALLOTS, Calibration
from project.records.record import Digest


class Ballots:
    """People: the mean of their blind ballots on an item; an item without enough is unjudged."""

    source = BALLOTS

    def __init__(
        self, ballots: Sequence[Ballot], champion: str, challenger: str, votes: int | None
    ) -> None:
        self.ballots = ballots
        self.names = champion, challenger
        self.votes = votes

    def prefer(self, comparisons: Sequence[AnswerPair]) -> list[Judgement]:
        """Ballots that are bound to other answers than these are left out."""
        answers = {
            (pair.item, name): answer_digest(text)
            for pair in comparisons
            for name, text in zip(self.names, (pair.champion, pair.challenger), strict=True)
        }
        counted = [ballot for ballot in self.ballots if is_on(ballot, answers)]
        by_item = preferences(counted, *self.names, self.votes)
        return [Judgement(win_probability=by_item.get(pair.item)) for pair in comparisons]


def is_on(ballot: Ballot, answers: Mapping[tuple[str, str], Digest]) -> bool:
    """Whether a ballot is on these answers, as far as it says."""
    bound = ((ballot.left, ballot.left_answer), (ballot.right, ballot.right_answer))
    return all(digest in (None, answers.get((ballot.item, name), digest)) for name, digest in bound)


def judge_of(
    params: PreferenceParams,
    folder: Path,
    champion: str,
    challenger: str,
    calibration: Calibration | None = None,
    store: KeptBytes = IN_FILES,
) -> Judge:
    """The configured source; folder is what stage `reward` left, the names are those in ballots.

    What a language model says is kept in the store, and it is held to the one that the calibration
    is of, if there is one yet. Raises InputError for ballots that cannot be read.
    """
    if params.judged_by == "judge" and params.judge:
        # Imported here because its HTTP client comes with an extra that ballots do without.
        from evaluation.preference.llm_judge import LlmJudge

        held_to = calibration.judge if calibration else None
        return LlmJudge(params.judge, held_to=held_to, store=store)
    if params.source == "ballots" and params.ballots:
        return Ballots(read_ballots(params.ballots), champion, challenger, params.votes)
    # Imported here so that the other sources do not wait for torch.
    from evaluation.preference.reward_model import RewardModel

    return RewardModel(folder)

"""Stage `reward`: make the source of preference ready, and calibrate it on held-out pairs.

Only the reward model has to be trained, on pairs whose prompts are in no eval set. A language model
as a judge is calibrated on the same held-out pairs, people's ballots against one another.
"""

from collections.abc import Sequence
from pathlib import Path

from evaluation.evaluation_settings import Decoding, PreferenceParams, RewardParams
from evaluation.generation.systems import respondent
from evaluation.preference.ballot_files import read_ballots
from evaluation.preference.calibration import calibrate, calibrate_reviewers
from evaluation.preference.negative_examples import pair_negatives
from evaluation.preference.preference_pairs import (
    PREFERENCES,
    allowed,
    given_preferences,
    pairs,
    pairs_of,
    part,
)
from evaluation.preference.preference_sources import judge_of
from project.canonical import digest_folder, digest_json
from project.errors import InputError
from project.files import staged_folder
from project.model_pins import pinned_folder
from project.paths import BASE, CALIBRATION, EMBEDDER, NUMERICS, PAIR_SOURCE, REWARD, rows_of
from project.records.adapters import ModelPin, Numerics
from project.records.data import Row, Split
from project.records.preferences import PreferencePair
from project.records.record import Digest, Record
from project.records.scores import Calibration
from project.settings import PARAMS, load


class PairSource(Record):
    """What the folder of stage `reward` is for. With the settings it decides what is preferred,
    whatever the last bits of answers and weights are on another kind of machine.
    """

    source: str
    made_of: Digest | None = None  # of all that the reward model is made of


def main() -> None:
    params = load(PreferenceParams)
    with staged_folder(REWARD) as draft:
        learnt = train(params.reward, draft) if params.source == "reward" else None
        PairSource(source=params.source, made_of=learnt).write(draft / PAIR_SOURCE.name)
    calibration = calibrate_source(params)
    calibration.write(CALIBRATION)
    print(f"preference by {calibration}")
    if calibration.advisory:
        print(f"it is advisory only: {calibration.advisory}")


def train(params: RewardParams, folder: Path) -> Digest:
    """Train the reward model on the training rows' pairs, and on what people said of answers.

    Returns the digest of what it was made of.
    """
    # Imported here so that the other sources do not wait for torch and TRL.
    from evaluation.preference.reward_training import train_reward

    learnt, held_out = parts(params)
    further, account = further_pairs(held_out)
    made = pairs(learnt, own_answers(learnt))
    precision = Numerics.read(NUMERICS).precision
    train_reward([*made, *further], starting_point(params), params, precision, folder)
    print(f"learnt from {len(made)} pairs of training rows and {len(further)} others{account}")
    asked = [record.model_dump(mode="json") for record in (*learnt, *further)]
    start = digest_folder(starting_point(params))
    return digest_json([asked, ModelPin.read(BASE).digest, load(Decoding).digest, start])


def further_pairs(held_out: Sequence[Row]) -> tuple[list[PreferencePair], str]:
    """The pairs of files and sources, and of negative examples with good answers; none is about a
    prompt that the judge is held against. With what became of what was given, in words.
    """
    evaluated = [row for part in (Split.DEV, Split.SEALED) for row in Row.read_lines(rows_of(part))]
    given = given_preferences()
    if not given:
        return [], ""
    kept = allowed(given, [*evaluated, *held_out])
    found = pairs_of(kept)
    negatives = pair_negatives(kept, Row.read_lines(rows_of(Split.TRAIN)))
    account = (
        f"; of {len(given)} in {PREFERENCES}/ and the sources, {len(found)} are pairs, {negatives},"
        f" {len(given) - len(kept)} left out: an eval item has their prompt, or nearly so"
    )
    return list({pair.id: pair for pair in (*found, *negatives.pairs)}.values()), account


def calibrate_source(params: PreferenceParams) -> Calibration:
    if params.source == "ballots" and params.ballots:
        return calibrate_reviewers(read_ballots(params.ballots), params.votes)
    _, held_out = parts(params.reward)
    judge = judge_of(params, REWARD, champion="rejected", challenger="chosen")
    return calibrate(judge, pairs(held_out, own_answers(held_out)))


def parts(params: RewardParams) -> tuple[list[Row], list[Row]]:
    return part(Row.read_lines(rows_of(Split.TRAIN))[-params.rows :], params.held_out_share)


def own_answers(rows: Sequence[Row]) -> dict[str, str]:
    """What the bare base answers, by row."""
    decoding = load(Decoding)
    bare = respondent(ModelPin.read(BASE), None, None, decoding, Numerics.read(NUMERICS))
    return {answer.item: answer.text for answer in bare.answers(rows, "bare base, training rows")}


def starting_point(params: RewardParams) -> Path:
    """The folder of the model that training starts from. Raises InputError when it is none."""
    if params.model == "embedder":
        return pinned_folder(ModelPin.read(EMBEDDER), "embedder")
    folder = Path(params.model).expanduser()
    if not list(folder.glob("*.safetensors")):
        raise InputError(
            f"{params.model!r} is neither 'embedder' nor a folder with *.safetensors weights; "
            "download a Hub model into one with `hf download NAME --local-dir FOLDER`",
            file=PARAMS,
            field="evaluation.preference.reward.model",
        )
    return folder

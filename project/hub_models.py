"""Models of the Hugging Face Hub, at one commit each, in the Hub's own cache on this machine."""

import re
from pathlib import Path
from typing import Literal

from project.errors import InputError

ModelKind = Literal["base", "embedder"]

COMMIT = re.compile(r"[0-9a-f]{40}")
# No pickles, and no weights for other programs.
WANTED = ("*.json", "*.jinja", "*.model", "*.txt", "*.safetensors")
# A base is what lies at the root, where the same weights may lie for another program too.
UNWANTED: dict[ModelKind, tuple[str, ...]] = {
    "base": ("*/*", "consolidated*"),
    "embedder": ("onnx/*", "openvino/*"),
}
TOKEN = "a token from https://huggingface.co/settings/tokens into the environment, as HF_TOKEN"


def snapshot(name: str, revision: str | None, kind: ModelKind) -> Path:
    """The folder of a model at a commit, fetched where it is not yet. A download that was broken
    off goes on where it was. Raises InputError with the next step where the Hub has no such thing,
    keeps it back, or cannot be reached.
    """
    if revision is None or not COMMIT.fullmatch(revision):
        raise no_commit(name, revision, kind)
    # Imported here because only users of the Hub pay for it.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    wanted, unwanted = list(WANTED), list(UNWANTED[kind])
    try:
        found = snapshot_download(
            name, revision=revision, allow_patterns=wanted, ignore_patterns=unwanted
        )
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError) as error:
        problem = refusal(name, revision, error)
        raise InputError(problem, field=f"{kind}.model") from None
    return Path(found)


def no_commit(name: str, revision: str | None, kind: ModelKind) -> InputError:
    """A branch or a tag moves: the commit behind it is told, where the Hub can be asked."""
    if revision is None:
        problem = f"{name!r} is no folder here, and as a Hub id it needs a revision"
    else:
        problem = f"{revision!r} is no commit of 40 digits: a branch or a tag moves"
    commit = commit_of(name, revision)
    now = f": {commit} is {revision or 'its newest'} now" if commit else ""
    return InputError(
        f"{problem}; name a commit so that runs repeat{now}", field=f"{kind}.revision"
    )


def commit_of(name: str, revision: str | None) -> str | None:
    """What a branch or a tag means now; None where the Hub does not say."""
    try:
        from huggingface_hub import HfApi
        from huggingface_hub.errors import (
            HfHubHTTPError,
            HFValidationError,
            OfflineModeIsEnabled,
            RevisionResolutionError,
        )
    except ModuleNotFoundError:  # of an extra
        return None

    nothing = (HfHubHTTPError, HFValidationError, OfflineModeIsEnabled, RevisionResolutionError)
    try:
        return HfApi().resolve_revision(name, revision=revision).resolved
    except nothing:
        return None


def refusal(name: str, revision: str, error: Exception) -> str:
    """Why the Hub gives nothing, and what to do about it."""
    from huggingface_hub.constants import ENDPOINT
    from huggingface_hub.errors import (
        GatedRepoError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if isinstance(error, GatedRepoError):
        return f"{name} is gated: accept its licence on {ENDPOINT}/{name}, and put {TOKEN}"
    if isinstance(error, RepositoryNotFoundError):
        return f"{ENDPOINT} has no {name}, or it is private: correct the name, or put {TOKEN}"
    if isinstance(error, RevisionNotFoundError):
        return f"{name} has no commit {revision}: see {ENDPOINT}/{name}/commits/main"
    last = str(error).strip().splitlines()[-1]
    return f"{name} at {revision} is neither in the local Hub cache nor to be had: {last}"

"""A repository of the Hugging Face Hub, or of a Hub of one's own, as the place of a version."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from project.errors import IncumbentError, InputError
from project.libraries import allow_downloads, show_library_bars
from project.records.adapters import AdapterVersion
from project.records.record import Digest, Record, short
from project.untrusted_input import quoted, shortened

if TYPE_CHECKING:
    from huggingface_hub import HfApi, ModelInfo
    from huggingface_hub.errors import HfHubHTTPError

HUB = "https://huggingface.co"
WRITTEN = re.compile(r"hf://(?P<name>[\w.-]+/[\w.-]+)(@(?P<branch>[\w./-]+))?")
FILE = "incumbent.json"
WRITING = "one that may write, from https://huggingface.co/settings/tokens, into HF_TOKEN"
# What a repository that somebody has just made may hold.
FRESH = re.compile(r"\.gitattributes|README\.md|LICENSE.*", re.IGNORECASE)


class Published(Record):
    """Which version lies in a repository; its file there tells the next one whose it is."""

    family: str
    number: int
    adapter: Digest
    files: tuple[str, ...]  # all that were written; the next version takes away what it has not

    @property
    def label(self) -> str:
        return f"{self.family} v{self.number}"


@dataclass(frozen=True)
class Uploaded:
    url: str
    commit: str
    new: bool  # False: it was there already, byte for byte


@dataclass(frozen=True)
class HubRepository:
    """Where a version goes: a repository, and a branch of it; None: its main one."""

    name: str
    branch: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises InputError unless it is hf://ORG/NAME, with @BRANCH or without."""
        if match := WRITTEN.fullmatch(text):
            return cls(match["name"], match["branch"])
        problem = f"{quoted(text)} is no repository: write hf://ORG/NAME, or hf://ORG/NAME@BRANCH"
        raise InputError(problem, field="--to")

    def __str__(self) -> str:
        return f"{self.name}@{self.branch}" if self.branch else self.name

    def check(self, family: str, *, public: bool, force: bool) -> None:
        """Raise InputError or IncumbentError for what would make an upload fail, or be regretted:
        before the work, which may take long.
        """
        with answers(self) as api:
            token = api.whoami().get("auth", {}).get("accessToken", {})
            if token.get("role") == "read":
                raise InputError(f"this token may only read: put {WRITING}", field="--to")
            if (there := self.look(api)) is None:
                return
            if not there.private and not public:
                raise InputError(
                    f"{self.name} is there already, and public: everybody could read the version. "
                    "--public says that this is meant; else name another one, or make it private",
                    field="--to",
                )
            if not force:
                refuse_others(self, self.published(api, there), there, family)

    def upload(self, version: AdapterVersion, folder: Path, what: str, *, public: bool) -> Uploaded:
        """Make the folder's files the repository's, in one commit or in none."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        with answers(self) as api:
            url = api.create_repo(self.name, private=not public, exist_ok=True)
            if self.branch:
                api.create_branch(self.name, branch=self.branch, exist_ok=True)
            there = api.model_info(self.name, revision=self.branch)
            paths = (file for file in folder.rglob("*") if file.is_file())
            files = sorted(file.relative_to(folder).as_posix() for file in paths)
            published = Published(
                family=version.family,
                number=version.number,
                adapter=version.adapter.files,
                files=(*files, FILE),
            )
            published.write(folder / FILE)
            before = self.published(api, there)
            gone = set(before.files if before else ()) & names(there) - set(published.files)
            commit = api.create_commit(
                self.name,
                [CommitOperationAdd(name, folder / name) for name in published.files]
                + [CommitOperationDelete(name) for name in sorted(gone)],
                commit_message=f"{version.label} {what}, {short(version.adapter.files)}",
                commit_description=f"adapter {version.adapter.files}",
                revision=self.branch,
                parent_commit=there.sha,
            )
        return Uploaded(str(url), commit.oid, new=commit.oid != there.sha)

    def look(self, api: "HfApi") -> "ModelInfo | None":
        """What is there; a branch that is not there yet will begin as the main one is."""
        from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

        try:
            return api.model_info(self.name, revision=self.branch)
        except RevisionNotFoundError:
            return api.model_info(self.name)
        except RepositoryNotFoundError:
            return None

    def published(self, api: "HfApi", there: "ModelInfo") -> Published | None:
        """Which version lies there; None: nobody says, or somebody's own file has this name."""
        if FILE not in names(there):
            return None
        path = Path(api.hf_hub_download(self.name, FILE, revision=there.sha))
        try:
            return Published.parse(path.read_bytes(), path)
        except InputError:
            return None


@contextmanager
def answers(repository: HubRepository) -> Iterator["HfApi"]:
    """The Hub, asked in the name of whoever is signed in. What it refuses is one line, with the
    next step.
    """
    allow_downloads()
    show_library_bars()
    # Imported here because only users of the Hub pay for it, and because it reads what was just
    # allowed.
    from httpx2 import HTTPError
    from huggingface_hub import HfApi, constants, get_token, is_offline_mode
    from huggingface_hub.errors import HfHubHTTPError

    if is_offline_mode():
        raise InputError(
            "HF_HUB_OFFLINE is set, so nothing may be sent to the Hub: for this command, start it "
            "with HF_HUB_OFFLINE=0",
            field="--to",
        )
    if get_token() is None:
        raise InputError(
            f"{constants.ENDPOINT} asks who you are: `hf auth login`, or put a token, {WRITING}",
            field="--to",
        )
    # It warns of a commit that would be empty.
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        yield HfApi()
    except HfHubHTTPError as error:
        raise refusal(repository, error, constants.ENDPOINT) from None
    except (HTTPError, OSError, RuntimeError, ValueError) as error:  # xet's are RuntimeErrors
        hint = "" if constants.ENDPOINT == HUB else "; a Hub without xet: HF_HUB_DISABLE_XET=1"
        told = shortened((isinstance(error, RuntimeError) and error.__cause__) or error, 200)
        problem = f"{repository} at {constants.ENDPOINT} was not reached, or not written: {told}"
        raise IncumbentError(f"{problem}{hint}") from None


# --- what is refused ----------------------------------------------------------------------------


def refuse_others(
    repository: HubRepository, published: Published | None, there: "ModelInfo", family: str
) -> None:
    """Raise InputError for a repository that holds what is no version of this family."""
    if published and published.family != family:
        holds = f"holds {published.label}, of another family"
    elif published is None and not all(map(FRESH.fullmatch, names(there))):
        holds = "holds files that Incumbent did not put there"
    else:
        return
    raise InputError(
        f"{repository.name} {holds}: name another one, or --force writes over what has the same "
        "names",
        field="--to",
    )


def names(there: "ModelInfo") -> set[str]:
    return {file.rfilename for file in there.siblings or ()}


def refusal(repository: HubRepository, error: "HfHubHTTPError", endpoint: str) -> IncumbentError:
    """What the Hub does not allow, and what to do about it."""
    status = error.response.status_code
    if status == 401:
        return InputError(f"{endpoint} does not know this token: put {WRITING}", field="--to")
    if status == 403:
        problem = f"this token may not write to {repository.name} at {endpoint}"
        return InputError(f"{problem}: ask its owner, or put {WRITING}", field="--to")
    if status == 412:
        return IncumbentError(f"{repository} changed meanwhile: run this again")
    told = shortened(error.server_message or str(error), 200)
    return IncumbentError(f"{endpoint} did not take {repository}: {status}: {told}")

"""The provenance of a version submitted now, with its project as a commit. Git may fail."""

import os
import platform
import re
import tempfile
from collections.abc import Iterable, Sequence
from configparser import ConfigParser, Error
from fnmatch import fnmatch
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from curation.faults.private_data import file_secret
from monitoring.monitoring_settings import TrafficParams
from monitoring.trigger.labels import LABEL_QUEUE
from project.child_processes import GitError, author, git, locked_md5
from project.errors import IncumbentError
from project.files import home
from project.libraries import threads
from project.object_stores import SCHEME, without_secrets
from project.paths import CURATED, step_of
from project.records.adapters import AdapterVersion, Provenance
from project.records.record import Record
from project.settings import load
from registry.registry_settings import RegistryParams
from review.review_settings import ReviewParams
from training.recipe import STEPS, StepName, StepRecord

SHOWN = 5  # names of files
MESSAGE = "A project as its challenger was submitted"


class Noted(NamedTuple):
    """A provenance, and why there is none or no tag that keeps its commit."""

    provenance: Provenance | None
    problem: str | None = None


def current_provenance() -> Noted:
    """The provenance of the project in the current folder; outside of git there is none."""
    try:
        everything = load(RegistryParams).commit_untracked
        made = snapshot(MESSAGE, not_for_git(), everything=everything)
    except (IncumbentError, OSError) as error:
        return Noted(None, f"its commit is not recorded, so it cannot be reproduced: {error}")
    if made is None:
        return Noted(None)
    provenance = Provenance(
        **made.model_dump(exclude={"left", "secret"}),
        remote=git_remote(),
        rows=locked_md5(Path("dvc.lock"), "curate", CURATED),
        data_remote=data_remote(),
        packages=installed_packages(),
        threads=threads(),
        processes=max(filter(None, map(processes_of, STEPS)), default=None),
    )
    return Noted(provenance, not_given(made) if made.left or made.secret else None)


def not_given(made: "Snapshot") -> str:
    """One line; no secret is hidden behind a number of others."""
    parts = []
    if made.secret:
        named = "; ".join(f"{name!r} ({why})" for name, why in made.secret)
        parts.append(f"its commit is without what looks like a secret: {named}")
    if made.left:
        shown = ", ".join(map(repr, made.left[:SHOWN]))
        more = f" and {len(made.left) - SHOWN} more" if len(made.left) > SHOWN else ""
        parts.append(
            f"its commit is without {shown}{more}, which git does not know:"
            " where the version needs them, `git add` them and commit before the next one,"
            " or set registry.commit_untracked"
        )
    return ". ".join(parts)


def processes_of(step: StepName) -> int | None:
    """How many trained a step together; None where one did, or none."""
    record = step_of(step) / "step.json"
    return StepRecord.read(record).processes if record.is_file() else None


def not_for_git() -> tuple[Path, ...]:
    """State, what users wrote, which is deleted in time, and hashes of passwords: git would keep
    them.
    """
    traffic = Path(load(TrafficParams).folder)  # of a URL, a folder that is not there
    passwords = load(ReviewParams).users
    return home(), traffic, LABEL_QUEUE.parent, *([passwords] if passwords else [])


def tag_version(version: AdapterVersion, commit: str) -> str | None:
    """Tag its commit, once; return a note on another name than expected, or a failure."""
    names = tag_names(version.family, version.number, commit)
    try:
        name = keep_tag(version.family, version.number, commit)
    except (GitError, OSError) as error:
        return f"no tag keeps its commit {commit[:12]}, which git will delete in time: {error}"
    if name != names[0]:
        return f"its tag is {name}: {names[0]} names another commit, of another registry's version"
    return None


# --- packages -------------------------------------------------------------------------------------

# The versions of the packages that decide an adapter's bytes, as they are installed now.

NAMES = (
    "incumbent",
    "accelerate",
    "bitsandbytes",
    "datasets",
    "numpy",
    "peft",
    "safetensors",
    "tokenizers",
    "torch",
    "transformers",
    "trl",
)


def installed_packages() -> dict[str, str]:
    """Python's own version among them; what is not installed is left out."""
    versions = {"python": platform.python_version()}
    for name in NAMES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


# --- addresses ------------------------------------------------------------------------------------

# Where a project's history and its rows are kept elsewhere, as its own files say; no secrets.

SHARED = ("config",)  # of DVC's settings, what a clone has
OURS = (*SHARED, "config.local")  # the one that git does not have wins
REMOTE = re.compile(r"""'?remote "(.*)"'?""")  # the name of a section


def git_remote() -> str | None:
    """The URL of origin."""
    try:
        url = git("config", "remote.origin.url").decode().strip()
    except GitError:
        return None
    return without_secrets(url) or None


def data_remote(files: Iterable[str] = OURS) -> str | None:
    """The URL of DVC's default remote; of one on this machine, its whole path."""
    root = dvc_root(Path())
    config = read_config(root, files) if root else None
    if root is None or config is None:
        return None
    url = remotes_of(config, root).get(config.get("core", "remote", fallback=""))
    return url and without_secrets(url)


def dvc_root(folder: Path) -> Path | None:
    """The folder that `.dvc` lies in: this one, or one above it."""
    here = folder.resolve()
    return next((root for root in (here, *here.parents) if (root / ".dvc").is_dir()), None)


def read_config(root: Path, files: Iterable[str] = OURS) -> ConfigParser | None:
    """DVC's settings of a project, later files first. None: they are damaged, as DVC says."""
    config = ConfigParser(interpolation=None, strict=False)
    try:
        config.read([root / ".dvc" / name for name in files])
    except (Error, UnicodeDecodeError):
        return None
    return config


def remotes_of(config: ConfigParser, root: Path) -> dict[str, str]:
    """The address of each remote by its name; secrets may be in it."""
    sections = {REMOTE.fullmatch(name): config[name] for name in config.sections()}
    return {
        match[1]: url if SCHEME.match(url) else str((root / ".dvc" / url).resolve())
        for match, keys in sections.items()
        if match and (url := keys.get("url"))
    }


# --- snapshot -------------------------------------------------------------------------------------

# The project as a commit, exactly as it lies there; no branch, index or file is touched.
#
# As DVC makes its experiments: an index of its own, and HEAD as the parent. Ignored files stay out,
# and so do other repositories in it, and new files that are no part of every project: a note is not
# for git. A new file that looks like a secret stays out wherever it lies, and whether or not
# somebody added it; where a known file has become one, there is no commit.

ABSENT = "fatal: not a git repository"
LONGEST = 600.0  # seconds: a large file is hashed once
LARGEST = 100 << 20  # bytes of a file that git is given unasked
# Where new files are the project's own.
OWN_FILES = ("params.yaml", "dvc.yaml", "dvc.lock", ".dvcignore", ".gitignore")
OWN_FOLDERS = ("datasets", ".dvc")
# Names of files whose very purpose is a secret.
SECRET_NAMES = (
    *(".env", "*.env", ".env.*", ".netrc", ".pypirc", ".npmrc", ".htpasswd", ".git-credentials"),
    *("id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "*.key", "*.p12", "*.pfx", "*.kdbx", "*.jks"),
    *("credentials", "credentials.json", "credentials.y*ml", "secrets.json", "secrets.y*ml"),
    *("secrets.toml", "service-account*.json"),
)
NO_SECRET_NAMES = ("*.example", "*.sample", "*.template", "*.dist")
READ = 4 << 20  # bytes of a file that are looked through


class Snapshot(Record):
    commit: str
    head: str | None  # None: there was no commit yet
    changed: tuple[str, ...]  # paths below the project's folder
    folder: str  # the project's, in the repository
    left: tuple[str, ...] = ()  # new files that git was not given
    secret: tuple[tuple[str, str], ...] = ()  # the same, for they look like a secret; and why


def snapshot(
    message: str, left_out: Iterable[Path] = (), *, everything: bool = False
) -> Snapshot | None:
    """Of the current folder: HEAD itself where nothing differs from it; None outside of git.

    With `everything`, new files that are none of the project's own come in too; nothing new of the
    files and folders `left_out` does. Raises GitError where git fails, or would be given a file
    that is too large for it, or a known one that looks like a secret now.
    """
    if (prefix := prefix_here()) is None:
        return None
    head = head_here()
    tree, left, secret = tree_here(head, (".", *excluded(left_out)), everything=everything)
    before = f"{head}^{{tree}}" if head else git("mktree").decode().strip()
    diff = git("diff-tree", "-r", "-z", "--name-only", "--relative", before, tree)
    changed = tuple(path.decode(errors="replace") for path in diff.split(b"\0") if path)
    commit = head if head and not changed else commit_of_tree(tree, head, message)
    return Snapshot(
        commit=commit,
        head=head,
        changed=changed,
        folder=prefix or ".",
        left=left,
        secret=secret,
    )


def tree_here(
    head: str | None, wanted: Sequence[str], *, everything: bool
) -> tuple[str, tuple[str, ...], tuple[tuple[str, str], ...]]:
    """The tree of HEAD, with what is wanted of this folder as it is now; the new files that are
    left out, for they are none of the project's own, and nobody added them to the index; and those
    that look like a secret, each with why.

    Not by `git add`, which refuses to leave out a folder that is ignored already.
    """
    with tempfile.TemporaryDirectory() as aside:
        call = partial(git, variables={"GIT_INDEX_FILE": f"{aside}/index"}, longest=LONGEST)
        call("read-tree", head or "--empty")
        known = call("ls-files", "--cached", "-z", "--", *wanted)
        new = call("ls-files", "--others", "--exclude-standard", "-z", "--", *wanted)
        added = set(git("ls-files", "--cached", "-z", "--", *wanted).split(b"\0"))
        fresh = [name for name in new.split(b"\0") if name and not name.endswith(b"/")]
        if head:
            words = ("--name-only", "-z", "--relative", "--no-renames", "--diff-filter=MT")
            refuse_known_secrets(git("diff-index", *words, head, "--", *wanted))
        kept = {name for name in fresh if everything or name in added or is_own(os.fsdecode(name))}
        refuse_large_files(map(Path, map(os.fsdecode, kept)))
        secret = {name: why for name in fresh if (why := secret_of(name, name in kept))}
        names = sorted(kept - secret.keys())
        given = known + b"\0".join([*names, b""])
        call("update-index", "--add", "--remove", "--replace", "-z", "--stdin", given=given)
        left = sorted(set(fresh) - set(names) - secret.keys())
        return (
            call("write-tree").decode().strip(),
            tuple(map(os.fsdecode, left)),
            tuple((os.fsdecode(name), why) for name, why in sorted(secret.items())),
        )


def secret_of(name: bytes, read: bool) -> str | None:
    """Why a file must never be in a commit, by its name, and where it is read by what it holds."""
    path = Path(os.fsdecode(name))
    kept = (fnmatch(path.name.lower(), pattern) for pattern in NO_SECRET_NAMES)
    if any(fnmatch(path.name.lower(), pattern) for pattern in SECRET_NAMES) and not any(kept):
        return "by its name"
    if not read or path.is_symlink() or not path.is_file():
        return None
    with path.open("rb") as file:
        kind = file_secret(file.read(READ).decode(errors="replace"))
    return f"it holds a {kind}" if kind else None


def refuse_known_secrets(changed: bytes) -> None:
    """Raise GitError where a file that git knows, and that was changed, looks like a secret."""
    for name in filter(None, changed.split(b"\0")):
        if why := secret_of(name, read=True):
            raise GitError(
                f"{os.fsdecode(name)!r} looks like a secret ({why}): take it out, or name a "
                "variable of the environment in its place"
            )


def is_own(name: str) -> bool:
    path = Path(name)
    return name in OWN_FILES or path.suffix == ".dvc" or path.parts[0] in OWN_FOLDERS


def commit_of_tree(tree: str, head: str | None, message: str) -> str:
    parents = ("-p", head) if head else ()
    return git(*author(), "commit-tree", tree, *parents, "-m", message).decode().strip()


def excluded(paths: Iterable[Path]) -> Sequence[str]:
    """Git's way to say what is left out, of the files and folders that lie in this one."""
    here = Path.cwd()
    inside = [path.resolve() for path in paths if path.resolve().is_relative_to(here)]
    names = [path.relative_to(here).as_posix() for path in inside if path != here]
    return [f":(exclude,literal){name}" for name in names]


def prefix_here() -> str | None:
    """This folder's path in its repository, "" for its root; None: there is no repository."""
    try:
        return git("rev-parse", "--show-prefix").decode().removesuffix("\n").rstrip("/")
    except GitError as error:
        if ABSENT in str(error):
            return None
        raise


def head_here() -> str | None:
    try:
        return git("rev-parse", "--verify", "--quiet", "HEAD").decode().strip()
    except GitError:  # a repository without commits
        return None


def refuse_large_files(files: Iterable[Path]) -> None:
    """Git would keep them for good, and hosts of repositories refuse them."""
    for file in files:
        if (size := file.lstat().st_size) > LARGEST:
            raise GitError(
                f"{file} has {size >> 20} MiB, and git neither tracks nor ignores it: `dvc add` it,"
                " or put it into .gitignore"
            )


# --- version tags ---------------------------------------------------------------------------------

# The tag of a version: it keeps the commit alive, and `dvc gc --all-tags` keeps the rows.

DIGITS = 12  # of a commit, in a name that another commit's tag would have taken


def tag_names(family: str, number: int, commit: str) -> tuple[str, str]:
    """The name of a version's tag, and the one that it has where the first is taken: by a version
    of that number of another registry, which used this repository before.
    """
    name = f"incumbent/{family}/v{number}"
    return name, f"{name}-{commit[:DIGITS]}"


def keep_tag(family: str, number: int, commit: str) -> str:
    """Tag a version's commit where it has no tag yet, and return the tag. Raises GitError."""
    for name in tag_names(family, number, commit):
        known = commit_of(name)
        if known is None:
            # The empty value says that there must be no such tag: a second process makes none.
            git("update-ref", f"refs/tags/{name}", commit, "")
        if known in (None, commit):
            return name
    raise GitError(f"the tag {name} is there, and names another commit: delete or rename it")


def commit_of(tag: str) -> str | None:
    """The commit that a tag names, if there is such a tag here."""
    try:
        words = ("rev-parse", "--verify", "--quiet", f"refs/tags/{tag}^{{commit}}")
        return git(*words).decode().strip()
    except GitError:
        return None

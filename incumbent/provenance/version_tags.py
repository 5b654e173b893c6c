"""The tag of a version: it keeps the commit alive, and `dvc gc --all-tags` keeps the rows."""

from project.git import GitError, git

DIGITS = 12  # of a commit, in a name that another commit's tag would have taken


def tag_names(family: str, number: int, commit: str) -> tuple[str, str]:
    """The name of a version's tag, and the one that it has where the first is taken: by a version
    of that number of another registry, which used this repository before.
    """
    name = f"incumbent/{family}/v{number}"
    return name, f"{name}-{commit[:DIGITS]}"


def keep_tag(family: str, number: int, commit: str) -> str:
    """Tag a version's commit where it has no tag yet, and return the tag's name.

    A tag that is there is never moved. Raises GitError where git fails.
    """
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

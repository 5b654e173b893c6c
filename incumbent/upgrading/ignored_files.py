"""Lines of .gitignore for what must not be committed."""

from incumbent.upgrading.step import IGNORED, Change, Project

COMMENT = "# What users wrote, on its way to people who label it."
QUEUE, SECRETS = "/datasets/queue/", "/deploy/secrets.env"


def add(project: Project) -> Change:
    text = project.text(IGNORED)
    lines = text.splitlines()
    new = [line for line in (QUEUE, SECRETS) if line not in lines]
    if QUEUE in new:
        new.insert(0, COMMENT)
    start = text if not text or text.endswith("\n") else text + "\n"
    return {IGNORED: "\n".join([start + new[0], *new[1:], ""]).encode()} if new else {}

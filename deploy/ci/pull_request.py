"""Plan a pull request of GitHub or a merge request of GitLab, and keep the plan in one comment.

It runs the `ecsync` beside this Python, and needs nothing but the standard library. docs/ci.md has the set-up.

Input, from the environment beside what GitHub Actions and GitLab CI set:

    PLAN_PATH             the manifests: a path in the checkout
    PLAN_NAME             separates two plans of one pull request; default: `default`
    PLAN_ROLE             ARN of a role that may only read; without it and without credentials: `ecsync validate`
    PLAN_TOKEN            the token that writes the comment; without it there is none
    PLAN_AUTHOR           GitHub: the login to which that token belongs; default: `github-actions[bot]`
    PLAN_ID_TOKEN         GitLab: the token of `id_tokens`, with the audience that the role accepts
    PLAN_FAIL_ON_CHANGES  `true`: pending changes fail the job

Exit code: that of ecsync, but 0 for pending changes unless they are to fail the job; 1 if the comment cannot be
written; 64 for wrong input.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

CHANGES = 2
USAGE = 64
EVENTS = {"pull_request", "push", "merge_group", "schedule", "workflow_dispatch"}  # with others a fork may have rights
SECONDS = 30  # for one answer
LONGEST = 65_000  # characters of a comment
OF_THE_JOB = ("PLAN_", "ACTIONS_", "CI_JOB_TOKEN", "GITHUB_TOKEN")  # variables that ecsync does not get
OTHER_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE")
FAILED = (
    "No plan: `ecsync {verb}` ended with exit code {code}. The log of the job has the reason, "
    "docs/cli.md the meaning of the code.\n"
)
NO_ROLE = "No plan: there are no credentials of the role. The log of the job has the reason.\n"
VALIDATED = "The manifests are valid. There is no plan: {why}.\n"

Environment = Mapping[str, str]


class CannotPlan(Exception):
    """The input is wrong, or a server refused; the message states what to do."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Comments:
    """The comments of one pull request, as its API has them."""

    url: str  # lists and creates
    order: str  # the rest of the query that lists the oldest first
    one: str  # the address of a comment, before its id
    headers: Mapping[str, str]
    change: str  # the method that updates a comment
    ours: Callable[[Any], bool]  # whether we wrote a comment
    right: str  # what the token needs


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The job that runs: whether the manifests come from a fork, how it gets a token for AWS, where comments are."""

    fork: bool
    identity: Callable[[], str]
    comments: Callable[[], Comments] | None  # None: no pull request, or no right to comment


# ---------------------------------------------------------------- GitHub and GitLab


def github(env: Environment) -> Job:
    """Return the job of GitHub Actions. Raises CannotPlan for an event with which a fork has our rights."""
    if env["GITHUB_EVENT_NAME"] not in EVENTS:
        raise CannotPlan(f"the event {env['GITHUB_EVENT_NAME']} is not safe here: use pull_request", USAGE)
    event = json.loads(Path(env["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))
    request = event.get("pull_request")
    head = (request or {}).get("head", {}).get("repo") or {}  # null: the fork was deleted
    fork = request is not None and head.get("full_name") != env["GITHUB_REPOSITORY"]
    api = f"{env['GITHUB_API_URL']}/repos/{env['GITHUB_REPOSITORY']}/issues"
    author = env.get("PLAN_AUTHOR") or "github-actions[bot]"

    def identity() -> str:
        url, token = env.get("ACTIONS_ID_TOKEN_REQUEST_URL"), env.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
        if not url or not token:
            raise CannotPlan("GitHub gives no token for the role: set `permissions: id-token: write`", USAGE)
        answer = call("GET", f"{url}&audience=sts.amazonaws.com", {"Authorization": f"bearer {token}"})
        return str(answer["value"])

    def comments() -> Comments:
        return Comments(
            url=f"{api}/{int(request['number'])}/comments",
            order="",
            one=f"{api}/comments/",
            headers={
                "Authorization": f"Bearer {env['PLAN_TOKEN']}",
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
            },
            change="PATCH",
            ours=lambda comment: (comment.get("user") or {}).get("login") == author,
            right="`permissions: pull-requests: write`",
        )

    # The token of a pull request of a fork may not write.
    return Job(
        fork=fork, identity=identity, comments=comments if request and not fork and env.get("PLAN_TOKEN") else None
    )


def gitlab(env: Environment) -> Job:
    """Return the job of GitLab CI."""
    number = env.get("CI_MERGE_REQUEST_IID")
    fork = number is not None and env.get("CI_MERGE_REQUEST_SOURCE_PROJECT_ID") != env["CI_PROJECT_ID"]

    def identity() -> str:
        if not env.get("PLAN_ID_TOKEN"):
            raise CannotPlan("GitLab gives no token for the role: set `id_tokens: PLAN_ID_TOKEN: aud: …`", USAGE)
        return env["PLAN_ID_TOKEN"]

    def comments() -> Comments:
        headers = {"PRIVATE-TOKEN": env["PLAN_TOKEN"]}
        me = call("GET", f"{env['CI_API_V4_URL']}/user", headers)["id"]
        notes = f"{env['CI_API_V4_URL']}/projects/{env['CI_PROJECT_ID']}/merge_requests/{number}/notes"
        return Comments(
            url=notes,
            order="&sort=asc",
            one=f"{notes}/",
            headers=headers,
            change="PUT",
            ours=lambda note: note["author"]["id"] == me and not note.get("system"),
            right="the scope `api` and the role Reporter",
        )

    return Job(
        fork=fork, identity=identity, comments=comments if number and not fork and env.get("PLAN_TOKEN") else None
    )


# ---------------------------------------------------------------- the comment


def call(method: str, url: str, headers: Mapping[str, str], body: Any = None) -> Any:
    """Return the JSON that a server answers. Raises CannotPlan; its message has no text of the server."""
    if not url.startswith(("https://", "http://127.0.0.1:")):
        raise CannotPlan(f"{method}: the address is not https", USAGE)
    request = Request(url, method=method, data=None if body is None else json.dumps(body).encode())  # noqa: S310  # above
    for name, value in {**headers, "Content-Type": "application/json", "User-Agent": "ecsync"}.items():
        request.add_unredirected_header(name, value)  # a token goes to no other host
    try:
        with urlopen(request, timeout=SECONDS) as answer:  # noqa: S310  # above
            return json.load(answer)
    except HTTPError as error:
        raise CannotPlan(f"{method} {url.split('?')[0]}: HTTP {error.code}") from None
    except (URLError, TimeoutError, ValueError) as error:
        raise CannotPlan(f"{method} {url.split('?')[0]}: {type(error).__name__}") from None


def put_comment(comments: Comments, body: str) -> None:
    """Update our comment that begins with the marker in the first line of the body, or create one."""
    marker = body.split("\n", 1)[0]
    try:
        for comment in listed(comments):
            if comments.ours(comment) and str(comment.get("body", "")).startswith(marker):
                call(comments.change, f"{comments.one}{int(comment['id'])}", comments.headers, {"body": body})
                return
        call("POST", comments.url, comments.headers, {"body": body})
    except CannotPlan as error:
        raise CannotPlan(f"the comment could not be written: {error}. The token needs {comments.right}") from None


def listed(comments: Comments) -> Iterator[Any]:
    """Yield every comment, the oldest first."""
    for page in count(1):
        found = call("GET", f"{comments.url}?per_page=100&page={page}{comments.order}", comments.headers)
        yield from found
        if len(found) < 100:
            return


# ---------------------------------------------------------------- the plan


def run(verb: str, arguments: list[str], env: Environment) -> tuple[int, str]:
    """Return the exit code and the output of ecsync. Its messages go to the log of the job."""
    command = [str(Path(sys.executable).with_name("ecsync")), verb, *arguments]
    silence = secrets.token_hex(16)
    in_actions = "GITHUB_ACTIONS" in env
    if in_actions:  # a file name that begins with `::` is no command
        print(f"::stop-commands::{silence}", flush=True)
    kept = {name: value for name, value in env.items() if not name.startswith(OF_THE_JOB)}
    done = subprocess.run(  # noqa: S603  # no shell
        command, env={**kept, "PYTHONUTF8": "1"}, stdout=subprocess.PIPE, encoding="utf-8", check=False
    )
    if in_actions:
        print(f"\n::{silence}::", flush=True)
    return done.returncode, done.stdout


@contextmanager
def credentials(job: Job, env: Environment) -> Iterator[Environment | None]:
    """Yield the environment of a process with credentials, or None: then there are none.

    botocore exchanges the token in a file for credentials of the role. The file is gone at the end.
    """
    role = env.get("PLAN_ROLE", "")
    if job.fork:
        yield None
    elif not role:
        own = any(env.get(name) for name in (*OTHER_CREDENTIALS, "AWS_WEB_IDENTITY_TOKEN_FILE"))
        yield env if own else None
    else:
        with tempfile.TemporaryDirectory() as folder:  # of this user alone
            token = Path(folder) / "token"
            token.write_text(job.identity(), encoding="utf-8")
            kept = {name: value for name, value in env.items() if name not in OTHER_CREDENTIALS}
            if env.get("AWS_REGION"):
                kept.setdefault("AWS_DEFAULT_REGION", env["AWS_REGION"])  # botocore has no other for STS
            yield {
                **kept,
                "AWS_ROLE_ARN": role,
                "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
                "AWS_ROLE_SESSION_NAME": "ecsync-plan",
            }


def planned(job: Job, env: Environment) -> tuple[int, str]:
    """Return the exit code of ecsync, and the comment."""
    path, name = env.get("PLAN_PATH", ""), env.get("PLAN_NAME") or "default"
    if not path or path.startswith("-"):
        raise CannotPlan("PLAN_PATH: must be the path of the manifests", USAGE)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}", name):
        raise CannotPlan("PLAN_NAME: must be 1 to 64 of A-Z a-z 0-9 . _ / - after a letter or digit", USAGE)
    head = f"<!-- ecsync plan {name} -->\n### Plan of `{name}`\n\n"
    try:
        with credentials(job, env) as able:
            if able is not None:
                code, text = run("plan", [path, "-o", "markdown", "--name", name, "--detailed-exitcode"], able)
                whole = text.startswith(head) and len(text) <= LONGEST
                return code, text if whole else head + FAILED.format(verb="plan", code=code)
    except CannotPlan as error:
        print(f"ecsync: {error}", file=sys.stderr)
        return error.code, head + NO_ROLE
    code, _ = run("validate", [path], env)
    why = "a fork gets no credentials" if job.fork else "no role is set, and there are no credentials"
    return code, head + (FAILED.format(verb="validate", code=code) if code else VALIDATED.format(why=why))


def job_of(env: Environment) -> Job:
    """Return the job that this environment describes. Raises CannotPlan outside one."""
    if env.get("GITLAB_CI") == "true":
        return gitlab(env)
    if env.get("GITHUB_ACTIONS") == "true":
        return github(env)
    raise CannotPlan("this runs in a job of GitHub Actions or GitLab CI", USAGE)


def append(file: str, text: str) -> None:
    """Append to a file of GitHub Actions."""
    with Path(file).open("a", encoding="utf-8") as out:
        out.write(text)


def main(env: Environment) -> int:
    """Plan, write the summary and the comment, and return the exit code of the job."""
    try:
        job = job_of(env)
        code, body = planned(job, env)
        if "GITHUB_STEP_SUMMARY" in env:
            append(env["GITHUB_STEP_SUMMARY"], body)
            append(env["GITHUB_OUTPUT"], f"exit-code={code}\nchanges={'true' if code == CHANGES else 'false'}\n")
        else:
            print(body, end="")  # GitLab has no summary of a job
        if job.comments:
            put_comment(job.comments(), body)
    except CannotPlan as error:
        print(f"ecsync: {error}", file=sys.stderr)
        return error.code
    return 0 if code == CHANGES and env.get("PLAN_FAIL_ON_CHANGES") != "true" else code


if __name__ == "__main__":
    sys.exit(main(os.environ))

"""What the snippets of the documentation need beside themselves: this is the place to add a page's exception.

Each entry has its reason. A snippet that no entry covers is run or checked as it stands.
"""

from __future__ import annotations

from collections.abc import Mapping

# Commands that a test cannot run, by their first words; a name that ends with a dot is the start of a word.
# Their `ecsync` lines are parsed in any case.
NOT_RUN: Mapping[str, str] = {
    "docker": "there is no Docker in the tests; deploy/container/smoke.sh runs the image",
    "sudo": "it changes the machine",
    "curl": "it sends a request to a host of the reader; tests/http sends the same requests",
    "deploy/container/smoke.sh": "it needs Docker",
    "terraform": "it needs providers from the network",
    "aws cloudformation": "the simulated AWS has no CloudFormation",
    "python3 -m venv": "the tests run in a virtual environment that exists",
    "venv/bin/pip install": "it reads a package index",
    "pip install": "it reads a package index",
    "make": "it would run the tests in themselves; the target must exist in the Makefile",
    "gh": "it needs GitHub",
    "amtool": "it is a program of Alertmanager",
    "promtool": "it is a program of Prometheus",
    "systemctl": "there is no systemd in the tests",
    ".venv/bin/python -m benchmarks.": "it measures for minutes",
    ".venv/bin/python -m tests.": "it runs for minutes",
}

# Pages of which another test runs the `sh` blocks: here their `ecsync` lines are parsed. The reason names that test.
RUN_ELSEWHERE: Mapping[str, str] = {
    "docs/deploy.md": "tests/whole/deploying/test_deploy.py follows it",
    "docs/alerts.md": "it copies into /etc; tests/observability/test_prometheus.py uses the same files",
}

# Verbs that are parsed only: they run until they are stopped, or ask a daemon.
PARSED_ONLY: Mapping[str, str] = {
    "demo": "it takes half a minute; tests/cli/test_demo.py runs it",
    "simulate": "it runs until it is stopped",
    "events": "it asks a running daemon; tests/cli/test_status.py does",
    "retry": "it asks a running daemon; tests/cli/test_status.py does",
}

# YAML that is neither a manifest nor settings of ecsync, by a key at its top: it is parsed only.
OTHER_YAML: Mapping[str, str] = {
    "repos": "the config of pre-commit",
    "services": "a file of Docker Compose",
    "jobs": "a workflow of GitHub Actions",
    "steps": "a part of a workflow of GitHub Actions",
    "stages": "a pipeline of GitLab CI",
    "groups": "rules of Prometheus",
    "scrape_configs": "the config of Prometheus",
    "route": "the config of Alertmanager",
    "receivers": "the config of Alertmanager",
}

# Placeholders of a page that the reader replaces: replaced in the same way before a block is run or checked.
PLACEHOLDERS: Mapping[str, Mapping[str, str]] = {}

# Languages of blocks that nothing here checks.
OTHER_LANGUAGES: Mapping[str, str] = {
    "text": "output; right after an `sh` block, it is compared with what that block prints",
    "mermaid": "a picture",
    "dockerfile": "it needs a builder of images",
    "hcl": "Terraform's language, which only Terraform reads",
}

# Pages in `docs/`, or folders of them, that are not in the navigation of docs/index.md.
NOT_IN_NAVIGATION: Mapping[str, str] = {
    "docs/index.md": "it is the navigation",
    "docs/runbooks/": "docs/conf.py lists them below the page of the alerts",
}

# Pages that code names and that are not of this project.
NOT_OURS: Mapping[str, str] = {"docs/README.md": "a file in a repository that tests/sources/test_git.py makes"}

#!/usr/bin/env bash
# Install this checkout of ecsync with its locked dependencies, each checked by its hash: install.sh DIRECTORY
# DIRECTORY/bin/ecsync is the command. It needs Python >= 3.11 with venv.
set -euo pipefail

into=${1:?usage: install.sh DIRECTORY}
root=$(cd "$(dirname "$0")/../.." && pwd)
pip=("$into/bin/python" -I -m pip --disable-pip-version-check --quiet)

# -I: nothing in the working directory, which is the pull request, is imported.
python3 -I -m venv "$into"
"${pip[@]}" install --require-hashes --only-binary :all: -r "$root/locks/build.txt" -r "$root/locks/run.txt"
"${pip[@]}" install --no-index --no-deps --no-build-isolation "$root"

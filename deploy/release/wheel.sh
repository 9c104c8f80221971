#!/usr/bin/env bash
# Build sdist and wheel into dist/, and try the wheel in empty environments: wheel.sh [PYTHON]
#
# PYTHON has hatchling (make install). The environments get their dependencies from a package index, in the newest
# versions that pyproject.toml allows. CI runs this before a release.
set -euo pipefail
cd "$(dirname "$0")/../.."

python=$(realpath -s "${1:-python3}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pip_install() { "$1/bin/python" -I -m pip --disable-pip-version-check --quiet install "${@:2}"; }
must_be() { [ "$1" = "$2" ] || { printf 'FAILED: expected %s, got %s\n' "$2" "$1" >&2; exit 1; }; }

rm -rf dist
"$python" -m hatchling build -t sdist -t wheel >"$work/build.log" 2>&1 || { cat "$work/build.log" >&2; exit 1; }
wheel=$(echo "$PWD"/dist/*.whl)
version=$(basename "$wheel" | cut -d- -f2)
ls -l dist

commit=unknown
if [ -e .git ]; then
  commit=$(git rev-parse HEAD)
  [ -z "$(git status --porcelain --untracked-files=all -- controller manifests/quickstart pyproject.toml \
    deploy/release/build_hook.py)" ] || commit+=-dirty
fi

cd "$work"  # nothing of the checkout may be imported
"$python" -m venv plain
pip_install plain "$wheel"
must_be "$(plain/bin/ecsync --version)" "ecsync $version (commit $commit)"
plain/bin/ecsync validate "$(dirname "$(plain/bin/python -I -c 'import ecsync; print(ecsync.__file__)')")/manifests/quickstart"

code=0
plain/bin/ecsync demo >demo.txt 2>&1 || code=$?
must_be "$code" 64
must_be "$(grep -c "pip install 'ecsync\[simulator\]'" demo.txt)" 1
cat demo.txt

"$python" -m venv full
pip_install full "$wheel[simulator]"
full/bin/ecsync demo

# The sdist makes the same wheel, with its commit: it has no repository.
"$python" -m pip --disable-pip-version-check wheel --quiet --no-deps --no-build-isolation --no-index \
  --wheel-dir again "$OLDPWD"/dist/*.tar.gz
cmp "$wheel" again/*.whl
echo "passed: $(basename "$wheel"), commit $commit"

#!/usr/bin/env bash
# Build the image and run it for real: as uid 65532, on a read-only root file system and without capabilities, it must
# converge manifests/quickstart on `ecsync simulate` of this host, be healthy, write nothing, and end on SIGTERM.
#
#     make install && deploy/container/smoke.sh
#
#   ENGINE   docker or podman; whichever answers first, unless given
#   BASE     the base image; the Dockerfile's default, unless given
#   PIP_CONF a pip configuration file for the build, as a secret (an index of your own, its credentials)
#   CA_FILE  a bundle of CA certificates for the build, as a secret
#   IMAGE    what to call the image: ecsync, unless given; with BUILD=no it must be there
set -euo pipefail
cd "$(dirname "$0")/../.."

ecsync=.venv/bin/ecsync
image=${IMAGE:-ecsync}
name=ecsync-smoke-$$
http_port=8089
work=$(mktemp -d)
export AWS_ENDPOINT_URL=http://127.0.0.1:4567 AWS_REGION=eu-west-1 AWS_EC2_METADATA_DISABLED=true
export AWS_ACCESS_KEY_ID=simulated AWS_SECRET_ACCESS_KEY=simulated ECSYNC_INSTALLATION=smoke

say() { printf '\n== %s\n' "$*"; }
fail() {
  printf 'FAILED: %s\n' "$*" >&2
  "$engine" logs "$name" 2>&1 | tail -n 30 >&2 || true
  tail -n 5 "$work/simulate.log" >&2 || true
  exit 1
}
tidy() {
  "$engine" rm --force "$name" >/dev/null 2>&1 || true
  [ -z "${simulator:-}" ] || kill "$simulator" 2>/dev/null || true
  rm -rf "$work"
}

# until_true SECONDS COMMAND…: try once a second
until_true() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $deadline ] || return 1
    sleep 1
  done
}

engine=${ENGINE:-}
for candidate in docker podman; do
  [ -n "$engine" ] || ! "$candidate" info >/dev/null 2>&1 || engine=$candidate
done
[ -n "$engine" ] || { echo "neither docker nor podman answers here" >&2; exit 1; }
[ -x $ecsync ] || { echo "$ecsync is missing: make install" >&2; exit 1; }
trap tidy EXIT

inside() { "$engine" exec "$name" "$@"; }
inspected() { "$engine" inspect --format "$1" "$name"; }
answers() { $ecsync status --url "http://127.0.0.1:$http_port" >"$work/status" 2>/dev/null; }
converged() { answers && grep -q '^quickstart  *Synced · Healthy' "$work/status"; }
healthy() {
  [ "$engine" != podman ] || podman healthcheck run "$name" >/dev/null || return 1  # its timers need systemd
  [ "$(inspected '{{.State.Health.Status}}')" = healthy ]
}
listening() { grep -q '^simulated AWS' "$work/simulate.log"; }

if [ "${BUILD:-yes}" = yes ]; then
  say "build with $engine"
  kept=()
  [ "$engine" != podman ] || kept=(--format docker)  # OCI's own format has no health check
  DOCKER_BUILDKIT=1 "$engine" build "${kept[@]}" --network host --tag "$image" \
    ${BASE:+--build-arg "BASE=$BASE"} ${PIP_CONF:+--secret "id=pip,src=$PIP_CONF"} ${CA_FILE:+--secret "id=ca,src=$CA_FILE"} .
fi

say "simulated AWS on this host"
$ecsync simulate --port "${AWS_ENDPOINT_URL##*:}" --speed 8 >"$work/simulate.log" 2>&1 &
simulator=$!
until_true 30 listening || fail "the simulated AWS did not start"

say "run: uid 65532, read-only root, no capabilities, no new privileges"
began=$SECONDS
"$engine" run --detach --name "$name" --network host --user 65532:65532 --read-only --cap-drop ALL \
  --security-opt no-new-privileges --health-interval 5s \
  --volume "$PWD/manifests/quickstart:/manifests:ro" \
  --env ECSYNC_SOURCE=/manifests --env ECSYNC_INSTALLATION --env ECSYNC_ACCOUNT=123456789012 \
  --env ECSYNC_ENFORCE=true --env ECSYNC_HTTP_PORT=$http_port --env AWS_ENDPOINT_URL --env AWS_REGION \
  --env AWS_ACCESS_KEY_ID --env AWS_SECRET_ACCESS_KEY --env AWS_EC2_METADATA_DISABLED \
  "$image" >/dev/null

until_true 240 converged || { cat "$work/status"; fail "not Synced · Healthy within 240 s"; }
cat "$work/status"
echo "converged in $((SECONDS - began)) s"
$ecsync plan manifests/quickstart --detailed-exitcode || fail "a plan made outside the container is not empty"

say "what it runs as"
inside /opt/ecsync/bin/python -c '
import os, pathlib
status = dict(line.split(":\t", 1) for line in pathlib.Path("/proc/1/status").read_text().splitlines() if ":\t" in line)
print("uid of process 1:", status["Uid"].split()[0], " capabilities:", status["CapEff"])
assert status["Uid"].split() == ["65532"] * 4 and int(status["CapEff"], 16) == 0
assert os.statvfs("/").f_flag & os.ST_RDONLY
for place in ("/", "/tmp", "/opt/ecsync"):
    try:
        pathlib.Path(place, "written").touch()
    except OSError as error:
        print(f"{place}: {error.strerror}")
    else:
        raise SystemExit(f"{place} can be written")
' || fail "it runs with more rights than it should"
changes=$("$engine" diff "$name" | grep -vE '^[AC] /(dev|etc|manifests|proc|run|sys)(/|$)' || true)
[ -z "$changes" ] || fail "files changed in the container: $changes"

say "health, by the image's own check"
inside /opt/ecsync/bin/ecsync status --health || fail "ecsync status --health"
until_true 60 healthy || fail "$engine says: $(inspected '{{json .State.Health}}')"
echo "$engine: $(inspected '{{.State.Health.Status}}')"

say "SIGTERM"
began=$(date +%s%N)
"$engine" stop --time 30 "$name" >/dev/null
took=$((($(date +%s%N) - began) / 1000000))
code=$(inspected '{{.State.ExitCode}}')
echo "exit $code after $took ms"
[ "$code" = 0 ] || fail "exit $code"
[ $took -lt 20000 ] || fail "it took $took ms"

say "size"
"$engine" image inspect --format '{{.Size}}' "$image" | awk '{printf "%.1f MB unpacked\n", $1 / 1e6}'
"$engine" save "$image" | gzip -c | wc -c | awk '{printf "%.1f MB compressed\n", $1 / 1e6}'
"$engine" image inspect "$image" >"$work/image.json"
! "$engine" history --no-trunc "$image" | cat - "$work/image.json" | grep -qiE 'https?://|index.url|PIP_' \
  || fail "the image says where it was built from"
say "passed"

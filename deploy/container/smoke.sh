#!/usr/bin/env bash
# Build the image and run it: as uid 65532, with a read-only root file system and without capabilities. It must converge
# manifests/quickstart on `ecsync simulate` of this host, be healthy, write no file, and end on SIGTERM.
#
#     make install && deploy/container/smoke.sh
#
#   ENGINE   docker or podman; default: the first that works
#   BASE     the base image; default: that of the Dockerfile
#   PIP_CONF a pip configuration file for the build, as a secret (an index of your own, its credentials)
#   CA_FILE  a bundle of CA certificates for the build, as a secret
#   IMAGE    the name of the image; default: ecsync
#   BUILD    no: use the existing image
set -euo pipefail
cd "$(dirname "$0")/../.."

ecsync=.venv/bin/ecsync
image=${IMAGE:-ecsync}
name=ecsync-smoke-$$
http_port=8089
work=$(mktemp -d)
export AWS_ENDPOINT_URL=http://127.0.0.1:4567 AWS_REGION=eu-west-1 AWS_EC2_METADATA_DISABLED=true
export AWS_ACCESS_KEY_ID=simulated AWS_SECRET_ACCESS_KEY=simulated ECSYNC_INSTALLATION=smoke

title() { printf '\n== %s\n' "$*"; }
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
[ -n "$engine" ] || { echo "neither docker nor podman works on this host" >&2; exit 1; }
[ -x $ecsync ] || { echo "$ecsync does not exist: run make install" >&2; exit 1; }
trap tidy EXIT

inside() { "$engine" exec "$name" "$@"; }
inspected() { "$engine" inspect --format "$1" "$name"; }
answers() { $ecsync status --url "http://127.0.0.1:$http_port" >"$work/status" 2>/dev/null; }
converged() { answers && grep -q '^quickstart  *Synced  *Healthy  ' "$work/status"; }
healthy() {
  [ "$engine" != podman ] || podman healthcheck run "$name" >/dev/null || return 1  # podman runs the check automatically only with systemd
  [ "$(inspected '{{.State.Health.Status}}')" = healthy ]
}
listening() { grep -q '^simulated AWS' "$work/simulate.log"; }

if [ "${BUILD:-yes}" = yes ]; then
  title "build with $engine"
  kept=()
  [ "$engine" != podman ] || kept=(--format docker)  # the OCI format does not support health checks
  DOCKER_BUILDKIT=1 "$engine" build "${kept[@]}" --network host --tag "$image" \
    ${BASE:+--build-arg "BASE=$BASE"} ${PIP_CONF:+--secret "id=pip,src=$PIP_CONF"} ${CA_FILE:+--secret "id=ca,src=$CA_FILE"} .
fi

title "simulated AWS on this host"
$ecsync simulate --port "${AWS_ENDPOINT_URL##*:}" --speed 8 >"$work/simulate.log" 2>&1 &
simulator=$!
until_true 30 listening || fail "the simulated AWS did not start"

title "run: uid 65532, read-only root, no capabilities, no new privileges"
began=$SECONDS
"$engine" run --detach --name "$name" --network host --user 65532:65532 --read-only --cap-drop ALL \
  --security-opt no-new-privileges --health-interval 5s \
  --volume "$PWD/manifests/quickstart:/manifests:ro" \
  --env ECSYNC_SOURCE=/manifests --env ECSYNC_INSTALLATION --env ECSYNC_ACCOUNT=123456789012 \
  --env ECSYNC_ENFORCE=true --env ECSYNC_LEASE=none --env ECSYNC_HTTP_PORT=$http_port --env AWS_ENDPOINT_URL --env AWS_REGION \
  --env AWS_ACCESS_KEY_ID --env AWS_SECRET_ACCESS_KEY --env AWS_EC2_METADATA_DISABLED \
  "$image" >/dev/null

until_true 240 converged || { cat "$work/status"; fail "not Synced · Healthy within 240 s"; }
cat "$work/status"
echo "converged in $((SECONDS - began)) s"
$ecsync plan manifests/quickstart --detailed-exitcode || fail "a plan made outside the container is not empty"

title "user and rights of the process"
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
        raise SystemExit(f"{place} is writable")
' || fail "the process has more rights than it should have"
changes=$("$engine" diff "$name" | grep -vE '^[AC] /(dev|etc|manifests|proc|run|sys)(/|$)' || true)
[ -z "$changes" ] || fail "files changed in the container: $changes"

title "health check of the image"
inside /opt/ecsync/bin/ecsync status --health || fail "ecsync status --health"
until_true 60 healthy || fail "$engine reports: $(inspected '{{json .State.Health}}')"
echo "$engine: $(inspected '{{.State.Health.Status}}')"

title "SIGTERM"
began=$(date +%s%N)
"$engine" stop --time 30 "$name" >/dev/null
took=$((($(date +%s%N) - began) / 1000000))
code=$(inspected '{{.State.ExitCode}}')
echo "exit $code after $took ms"
[ "$code" = 0 ] || fail "exit $code"
[ $took -lt 20000 ] || fail "the stop took $took ms, the limit is 20000 ms"

title "size"
"$engine" image inspect --format '{{.Size}}' "$image" | awk '{printf "%.1f MB unpacked\n", $1 / 1e6}'
compressed=$("$engine" save "$image" | gzip -c | wc -c)
echo "$compressed" | awk '{printf "%.1f MB compressed\n", $1 / 1e6}'
[ "$compressed" -lt 90000000 ] || fail "the image has more than 90 MB compressed"
"$engine" image inspect "$image" >"$work/image.json"
! "$engine" history --no-trunc "$image" | cat - "$work/image.json" | grep -qiE 'https?://|index.url|PIP_' \
  || fail "the image contains addresses from its build"
title "passed"

# The daemon, its runtime dependencies and nothing else. How to build and run it: docs/container.md.
# `--build-arg LOCK=gpg` adds OpenPGP signatures. `--target simulator` has the simulated AWS too.
#
# BASE needs Python >= 3.11 with venv, and CA certificates. Pin it by digest for production; where no registry is
# reachable, deploy/container/base.sh makes one out of Debian's packages.
ARG BASE=docker.io/library/python:3.11-slim-bookworm

FROM ${BASE} AS tools
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore PYTHONDONTWRITEBYTECODE=1

# Two environments: the tools stay here, /opt/ecsync is copied; it is made without pip, which nothing at run time needs.
RUN python3 -m venv /opt/tools && python3 -m venv --without-pip /opt/ecsync

# A package index of your own, its credentials and its CA come in as secrets: they are in no layer and no history.
WORKDIR /src
COPY locks/build.txt locks/
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=secret,id=ca,target=/run/secrets/ca.crt \
    if [ -s /run/secrets/ca.crt ]; then export PIP_CERT=/run/secrets/ca.crt; fi \
    && /opt/tools/bin/python -m pip install --quiet --require-hashes --only-binary :all: -r locks/build.txt

FROM tools AS wheel
COPY pyproject.toml README.md LICENSE ./
COPY controller controller
COPY manifests/quickstart manifests/quickstart
COPY deploy/release/build_hook.py deploy/release/
ARG REVISION=unknown
RUN ECSYNC_COMMIT="$REVISION" /opt/tools/bin/python -m pip wheel --quiet --no-index --no-deps --no-build-isolation \
    --wheel-dir /wheels .

# Bytecode is compiled here, and never checked against its source: the root file system is read-only.
FROM tools AS builder
COPY locks/run.txt locks/gpg.txt locks/
ARG LOCK=run
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=secret,id=ca,target=/run/secrets/ca.crt \
    if [ -s /run/secrets/ca.crt ]; then export PIP_CERT=/run/secrets/ca.crt; fi \
    && /opt/tools/bin/python -m pip --python /opt/ecsync/bin/python install --quiet --require-hashes --only-binary :all: \
       --no-compile -r "locks/$LOCK.txt"
COPY deploy/container/trim.py deploy/container/
RUN --mount=from=wheel,source=/wheels,target=/wheels \
    pip="/opt/tools/bin/python -m pip --python /opt/ecsync/bin/python" \
    && $pip install --quiet --no-index --no-deps --no-compile /wheels/*.whl \
    && $pip check \
    && /opt/ecsync/bin/python deploy/container/trim.py \
    && /opt/ecsync/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/ecsync/lib

FROM tools AS builder-simulator
COPY locks/simulator.txt locks/
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=secret,id=ca,target=/run/secrets/ca.crt \
    if [ -s /run/secrets/ca.crt ]; then export PIP_CERT=/run/secrets/ca.crt; fi \
    && /opt/tools/bin/python -m pip --python /opt/ecsync/bin/python install --quiet --require-hashes --only-binary :all: \
       --no-compile -r locks/simulator.txt
RUN --mount=from=wheel,source=/wheels,target=/wheels \
    pip="/opt/tools/bin/python -m pip --python /opt/ecsync/bin/python" \
    && $pip install --quiet --no-index --no-deps --no-compile /wheels/*.whl \
    && $pip check \
    && /opt/ecsync/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/ecsync/lib

FROM ${BASE} AS runtime
# Nothing is ever written: bytecode was compiled above, and there is no cache, home or state directory.
ENV PATH=/opt/ecsync/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONSAFEPATH=1
WORKDIR /
USER 65532:65532
STOPSIGNAL SIGTERM
ENTRYPOINT ["/opt/ecsync/bin/ecsync"]
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="ecsync" \
      org.opencontainers.image.description="A GitOps controller for Amazon ECS" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# For demos and tests: with `ecsync simulate` and `ecsync demo`. It has no health check, because it may run any verb.
FROM runtime AS simulator
LABEL org.opencontainers.image.description="A GitOps controller for Amazon ECS, with a simulated AWS"
COPY --from=builder-simulator /opt/ecsync /opt/ecsync
CMD ["demo"]

FROM runtime AS ecsync
COPY --from=builder /opt/ecsync /opt/ecsync
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
  CMD ["/opt/ecsync/bin/ecsync", "status", "--health"]
CMD ["run"]

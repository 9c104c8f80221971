# The daemon, its runtime dependencies and nothing else. How to build and run it: docs/container.md.
# `--build-arg LOCK=gpg` adds OpenPGP signatures.
#
# BASE needs Python >= 3.11 with venv, and CA certificates. Pin it by digest for production; where no registry is
# reachable, deploy/container/base.sh makes one out of Debian's packages.
ARG BASE=docker.io/library/python:3.11-slim-bookworm

FROM ${BASE} AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore PYTHONDONTWRITEBYTECODE=1

# Two environments: the tools stay here, /opt/ecsync is copied; it is made without pip, which nothing at run time needs.
RUN python3 -m venv /opt/tools && python3 -m venv --without-pip /opt/ecsync

# A package index of your own, its credentials and its CA come in as secrets: they are in no layer and no history.
WORKDIR /src
COPY locks/build.txt locks/run.txt locks/gpg.txt locks/
ARG LOCK=run
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=secret,id=ca,target=/run/secrets/ca.crt \
    if [ -s /run/secrets/ca.crt ]; then export PIP_CERT=/run/secrets/ca.crt; fi \
    && pip="/opt/tools/bin/python -m pip" \
    && $pip install --quiet --require-hashes --only-binary :all: -r locks/build.txt \
    && $pip --python /opt/ecsync/bin/python install --quiet --require-hashes --only-binary :all: --compile -r "locks/$LOCK.txt"

COPY pyproject.toml README.md LICENSE ./
COPY controller controller
COPY manifests/quickstart manifests/quickstart
RUN pip="/opt/tools/bin/python -m pip" \
    && $pip wheel --quiet --no-index --no-deps --no-build-isolation --wheel-dir /wheels . \
    && $pip --python /opt/ecsync/bin/python install --quiet --no-index --no-deps --compile /wheels/*.whl \
    && $pip --python /opt/ecsync/bin/python check

FROM ${BASE}
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="ecsync" \
      org.opencontainers.image.description="A GitOps controller for Amazon ECS" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

COPY --from=builder /opt/ecsync /opt/ecsync

# Nothing is ever written: bytecode was compiled above, and there is no cache, home or state directory.
ENV PATH=/opt/ecsync/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONSAFEPATH=1

WORKDIR /
USER 65532:65532
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
  CMD ["/opt/ecsync/bin/ecsync", "status", "--health"]
ENTRYPOINT ["/opt/ecsync/bin/ecsync"]
CMD ["run"]

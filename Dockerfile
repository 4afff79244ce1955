# Two images from one file: `app` (Dagster's servers, MLflow's server, the runs) and `proxy` (the only one published).
#
#   make image
#
# Python 3.11 on bookworm, though 3.13 works as well: where no registry can be reached the base is made of Debian's
# packages (deploy/stand_in_base.sh), and bookworm has 3.11. A tag may move: put `@sha256:...` behind it (BASE=) to pin.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_CACHE_DIR=/var/cache/pip PYTHONDONTWRITEBYTECODE=1
# pip stays here: what runs can install nothing.
RUN python3 -m venv /opt/tools && python3 -m venv --without-pip /opt/venv
COPY requirements-image.lock /build/
# Versions and hashes of the lock, wheels only. A company's index and certificates come as secrets of the build
# (pip.conf, ca.pem), which are in no layer; without them pip asks the public index.
RUN --mount=type=secret,id=pip.conf --mount=type=secret,id=ca.pem --mount=type=cache,target=/var/cache/pip \
    if [ -s /run/secrets/pip.conf ]; then export PIP_CONFIG_FILE=/run/secrets/pip.conf; fi; \
    if [ -s /run/secrets/ca.pem ]; then export PIP_CERT=/run/secrets/ca.pem; fi; \
    /opt/tools/bin/python -m pip --python /opt/venv/bin/python install --quiet --no-deps --require-hashes \
        --only-binary :all: --compile -r /build/requirements-image.lock
# The tests that wheels carry are 140 MB. `browse` is what containers start, and what is put before commands in them.
RUN find /opt/venv/lib -type d -name tests -prune -exec rm -rf {} + \
    && printf '#!/bin/sh\nexec /opt/venv/bin/python -m browse_assets.container "$@"\n' > /opt/venv/bin/browse \
    && chmod 0755 /opt/venv/bin/browse
COPY browse_assets /app/browse_assets
COPY data /app/data
COPY deploy/workspace.yaml /app/deploy/workspace.yaml
# Compiled now, since nothing can be written later; with hashes, so that a rebuild makes the same bytes.
RUN /opt/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /app/browse_assets

FROM ${BASE} AS app
# LightGBM's wheel takes OpenMP from the system. No version: Debian keeps only the newest of a release.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
# The folders are here so that new volumes take over owner and mode. No VOLUME: one without a name would be lost with
# its container, and the key in it; compose.yaml names them.
RUN groupadd --gid 10001 browse \
    && useradd --uid 10001 --gid browse --no-create-home --home-dir /tmp --shell /usr/sbin/nologin browse \
    && install -d -o browse -g browse -m 0700 /data /data/inbox /data/customers /data/keys /data/reports \
        /data/mlflow /data/mlflow/artifacts \
    && install -d -o browse -g browse -m 0755 /secrets /secrets/dagster /secrets/mlflow
COPY --from=builder /opt/venv /opt/venv
COPY --from=builder /app /app
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp \
    MPLCONFIGDIR=/tmp/matplotlib NUMBA_CACHE_DIR=/tmp/numba \
    BROWSE_DATA_DIR=/data BROWSE_CODE_HOST=code BROWSE_CODE_PORT=4000 \
    DAGSTER_DISABLE_TELEMETRY=yes MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false \
    MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT=true GIT_PYTHON_REFRESH=quiet
WORKDIR /app
USER 10001:10001
HEALTHCHECK --interval=60s --timeout=30s --start-period=180s --retries=3 \
    CMD ["browse", "health"]
ENTRYPOINT ["browse"]
CMD ["run"]
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="browse_assets" \
    org.opencontainers.image.description="Browsing events of a consenting panel, turned into answers without personal data" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"

FROM ${BASE} AS proxy
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends nginx-light openssl && rm -rf /var/lib/apt/lists/*
RUN groupadd --gid 10002 proxy-user \
    && useradd --uid 10002 --gid proxy-user --no-create-home --home-dir /tmp --shell /usr/sbin/nologin proxy-user \
    && install -d -o proxy-user -g proxy-user -m 0700 /var/lib/browse-proxy
COPY deploy/proxy/ /etc/browse-proxy/
USER 10002:10002
EXPOSE 8080 8443
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s --retries=3 \
    CMD ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=5)"]
ENTRYPOINT ["/etc/browse-proxy/entrypoint.sh"]
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="browse_assets proxy" \
    org.opencontainers.image.description="nginx in front of Dagster and MLflow: logins, TLS, a viewers' door" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"

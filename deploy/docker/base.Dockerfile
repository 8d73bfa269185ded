# syntax=docker/dockerfile:1
# The two stages that every image stands on. docker-bake.hcl hands them to the others as `build` and `runtime`.

ARG PYTHON_IMAGE=docker.io/library/python:3.11-slim-bookworm
# The digest of that image, sha256:…; there is no default, so that no build takes a moved tag.
ARG PYTHON_DIGEST

FROM ${PYTHON_IMAGE}@${PYTHON_DIGEST} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PATH=/opt/s2v/bin:$PATH
# Cairo's and Pango's Python bindings are compiled; nothing of this comes into an image that runs.
RUN apt-get update \
 && apt-get install -y --no-install-recommends build-essential libcairo2-dev libpango1.0-dev pkg-config \
 && rm -rf /var/lib/apt/lists/* \
 && python -m venv /opt/s2v
WORKDIR /src
COPY constraints.txt ./
COPY proto proto
COPY runtime runtime
RUN pip install -c constraints.txt ./proto ./runtime

FROM ${PYTHON_IMAGE}@${PYTHON_DIGEST} AS runtime
LABEL org.opencontainers.image.title="Speech to Visuals" org.opencontainers.image.licenses="Apache-2.0"
ENV PATH=/opt/s2v/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp S2V_LISTEN=[::]:50051
# Neither pip nor a shell user is needed; the root file system is mounted read-only, /tmp is not.
RUN rm -rf /usr/local/lib/python3.11/site-packages/pip /usr/local/bin/pip*
WORKDIR /tmp
STOPSIGNAL SIGTERM
EXPOSE 50051
USER 65532:65532

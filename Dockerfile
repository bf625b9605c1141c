# syntax=docker/dockerfile:1
# Images of Flume: `control` (orchestrator, console) and `function` (node types). docs/how-to/images.md says how to build them.

# Which Python the images stand on, by digest: python:3.13-slim@sha256:… It has no default, so that nobody builds on an old one unawares.
ARG BASE

FROM ${BASE} AS build
ARG BASE
RUN case "${BASE}" in *@sha256:*) ;; *) echo "BASE has to name a digest, such as python:3.13-slim@sha256:…" >&2; exit 1 ;; esac
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /source
# Packages before sources: they change less often.
COPY uv.lock requirements.lock ./
COPY docker docker
RUN python -m venv --without-pip /opt/flume && mkdir -p /state/flume

FROM build AS wheel
COPY . .
# The hook builds the console's scripts, with a Node of its own where they are not built already.
RUN pip wheel --no-deps --wheel-dir /wheels .

FROM build AS function-files
RUN python docker/locked.py $(cat docker/function-packages.txt) > function.lock \
 && pip --python /opt/flume/bin/python install --no-deps --only-binary :all: --require-hashes -r function.lock
COPY --from=wheel /wheels /wheels
# Its commands go: they need packages that a function does without. Byte code is checked by nothing: nobody can change a file later.
RUN pip --python /opt/flume/bin/python install --no-deps --no-index /wheels/*.whl \
 && rm /opt/flume/bin/flume \
 && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/flume/lib

FROM build AS control-files
RUN python docker/locked.py flume > control.lock \
 && pip --python /opt/flume/bin/python install --no-deps --only-binary :all: --require-hashes -r control.lock
COPY --from=wheel /wheels /wheels
RUN pip --python /opt/flume/bin/python install --no-deps --no-index /wheels/*.whl \
 && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/flume/lib

FROM ${BASE} AS common
ARG VERSION=0.1.0
ARG REVISION=
LABEL org.opencontainers.image.vendor="Flume" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV PATH=/opt/flume/bin:$PATH \
    HOME=/tmp \
    LOG_FORMAT=json \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONSAFEPATH=1 \
    PYTHONUNBUFFERED=1
WORKDIR /tmp
# By number, so that Kubernetes can see that it is not root.
USER 65532:65532

FROM common AS function
LABEL org.opencontainers.image.title="flume-function" \
      org.opencontainers.image.description="Serves node types of Flume, as FLUME_NODE_TYPES names them"
COPY --from=function-files /opt/flume /opt/flume
ENV PORT=8080
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/healthz', timeout=2)"]
CMD ["python", "-P", "-m", "functions"]

FROM common AS control
LABEL org.opencontainers.image.title="flume-control" \
      org.opencontainers.image.description="The orchestrator of Flume, and its console"
COPY --from=control-files /opt/flume /opt/flume
# What is written when there is no MongoDB: mount a volume here then. The rest of the file system can be read-only.
COPY --from=build --chown=65532:65532 /state/ /var/lib/
ENV FLUME_DATA=/var/lib/flume \
    PORT=8000
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/healthz', timeout=2)"]
ENTRYPOINT ["flume"]
CMD ["orchestrator", "--host", "0.0.0.0"]

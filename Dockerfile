# Two stages: wheels are built and installed in the first, so the second carries no compiler, no pip cache and no tests.
# The base is pinned by version; a deployment that wants more pins the digest it has tested with --build-arg.
ARG PYTHON=python:3.13.9-slim-bookworm
# requirements-extras.lock adds Apprise's channels and OTLP traces.
ARG REQUIREMENTS=requirements.lock

FROM ${PYTHON} AS build
ARG REQUIREMENTS
WORKDIR /build
RUN python -m venv /opt/tieout && python -m venv /opt/build
COPY ${REQUIREMENTS} requirements-build.lock ./
RUN /opt/tieout/bin/pip install --no-cache-dir --require-hashes -r ${REQUIREMENTS} \
    && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements-build.lock
COPY pyproject.toml README.md LICENSE ./
COPY sql ./sql
COPY docs/runbook.md ./docs/runbook.md
COPY service ./service
# What is installed is the wheel, as a user would have it: nothing works by the accident of a source tree beside it.
# Isolated, pip would fetch what builds it anew, whatever is newest then.
RUN /opt/build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /opt/tieout/bin/pip install --no-cache-dir --no-deps --no-build-isolation /wheels/*.whl \
    && /opt/tieout/bin/pip uninstall --yes pip

FROM ${PYTHON}
# A user without a name to log in by, a home to write to, or a shell; the root file system may be read-only.
COPY --from=build /opt/tieout /opt/tieout
ENV PATH=/opt/tieout/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TIEOUT_LISTEN=0.0.0.0:8080
USER 65532:65532
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/livez', timeout=2)"]
ENTRYPOINT ["tieout"]
CMD ["serve"]

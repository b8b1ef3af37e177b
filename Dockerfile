# One image for web, worker, beat and the one-shot init; docker-compose.yml says which command each runs.
ARG PYTHON_IMAGE=python:3.12-slim-bookworm

# hadolint ignore=DL3006
FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
COPY requirements.txt requirements-dev.txt ./
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements-dev.txt
COPY pyproject.toml hatch_build.py package.json package-lock.json .npmrc README.md alembic.ini ./
COPY tracker tracker
COPY workers workers
COPY migrations migrations
RUN /opt/build/bin/python -m hatchling build -t wheel -d /dist
RUN python -m venv /opt/tracker \
    && /opt/tracker/bin/pip install --no-cache-dir --require-hashes -r requirements.txt \
    && /opt/tracker/bin/pip install --no-cache-dir --no-deps /dist/*.whl

# hadolint ignore=DL3006
FROM ${PYTHON_IMAGE}
RUN groupadd --system --gid 10001 tracker \
    && useradd --system --uid 10001 --gid tracker --home-dir /data --shell /usr/sbin/nologin tracker \
    && install -d -o tracker -g tracker /data
COPY --from=build /opt/tracker /opt/tracker
ENV PATH=/opt/tracker/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MALLOC_ARENA_MAX=2 \
    TRACKER_DATA=/data
WORKDIR /data
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["gunicorn", "--bind", "0.0.0.0:8000", "-c", "python:tracker.serving", "--workers", "2", "tracker.wsgi:app()"]

# Cabinet as a container image. `serve`, `worker` and `migrate apply` are commands of the same image.

# Pinned by digest, so that the image has the same base each time, on every architecture. To use a newer one, whose digest
# `docker pull` prints: --build-arg PYTHON_IMAGE=python:3.13-slim@sha256:…
ARG PYTHON_IMAGE=python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b

FROM ${PYTHON_IMAGE} AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY clients/python clients/python
COPY svc svc
COPY sql sql
COPY migrations migrations
COPY tests/plans/baselines tests/plans/baselines
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels ./clients/python .

FROM ${PYTHON_IMAGE}
# pip compares each file with its hash. Cabinet's own wheel, built above, has none; it brings no further packages.
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    --mount=type=bind,source=docker/requirements.txt,target=/requirements.txt \
    pip install --no-cache-dir --only-binary :all: --no-deps --require-hashes --requirement /requirements.txt \
    && pip install --no-cache-dir --no-deps /wheels/*.whl \
    && pip check \
    && useradd --system --uid 10001 --home-dir /data cabinet \
    && install --directory --owner cabinet --group cabinet --mode 0700 /data
USER 10001
WORKDIR /data
# /data is used only without DATABASE_URL. It then contains the embedded server's data and should be a volume.
ENV CABINET_HOST=0.0.0.0 CABINET_DATA_DIR=/data
EXPOSE 8080
ENTRYPOINT ["cabinet"]
CMD ["serve"]

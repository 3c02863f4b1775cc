# syntax=docker/dockerfile:1
# Cabinet as a container image. `serve`, `worker` and `migrate apply` are commands of the same image.

FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY svc svc
COPY sql sql
COPY migrations migrations
COPY tests/plans/baselines tests/plans/baselines
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.13-slim
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    --mount=type=bind,source=constraints.txt,target=/constraints.txt \
    pip install --no-cache-dir --only-binary :all: --constraint /constraints.txt /wheels/*.whl \
    && useradd --system --uid 10001 --home-dir /data cabinet \
    && install --directory --owner cabinet --group cabinet --mode 0700 /data
USER 10001
WORKDIR /data
# /data is used only without DATABASE_URL. It then contains the embedded server's data and should be a volume.
ENV CABINET_HOST=0.0.0.0 CABINET_DATA_DIR=/data
EXPOSE 8080
ENTRYPOINT ["cabinet"]
CMD ["serve"]

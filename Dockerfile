# syntax=docker/dockerfile:1
FROM python:3.11-slim AS build
WORKDIR /source
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir dist .

FROM python:3.11-slim
RUN --mount=type=bind,from=build,source=/source,target=/source cd /source \
    && pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu "$(grep ^torch== constraints.txt)" \
    && pip install --no-cache-dir --constraint constraints.txt dist/*.whl
RUN useradd --create-home bonag && install --directory --owner=bonag /work
USER bonag
WORKDIR /work
ENTRYPOINT ["bonag"]

# One image a kind of part: docker build --target edge|producer|sinks|worker|trainer|mlflow .
#
# Edge, producer and sinks carry no machine-learning library. Worker, trainer and MLflow share one set of layers.
# Every package comes from requirements.lock, its hash checked; what builds stays behind in the stages that build.

ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
RUN pip install --no-cache-dir --disable-pip-version-check --root-user-action ignore uv==0.13.9
ENV VIRTUAL_ENV=/opt/streamapp UV_PYTHON_DOWNLOADS=never UV_NO_CACHE=1 UV_COMPILE_BYTECODE=1
WORKDIR /src
RUN uv venv --quiet --python "$(command -v python)" "$VIRTUAL_ENV"

# Our own code, and nothing else, in a virtual environment of the same place: it is laid over the packages below, so
# that a change of code leaves their layers alone.
FROM build AS code
COPY . .
RUN uv build --quiet --wheel --require-hashes --build-constraint requirements.lock --out-dir /dist \
 && uv pip install --quiet --no-deps /dist/*.whl

# The lock is the constraint: of what pyproject.toml asks for here, it says which version, and with which hash.
FROM build AS packages
COPY pyproject.toml requirements.lock ./
RUN uv pip install --quiet --require-hashes --only-binary :all: --constraint requirements.lock \
    --requirement pyproject.toml --extra tracing

FROM ${PYTHON_IMAGE} AS runtime
RUN groupadd --gid 10001 streamapp \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin streamapp \
 && install --directory --owner streamapp --group streamapp /var/lib/streamapp
ENV PATH=/opt/streamapp/bin:$PATH HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /var/lib/streamapp

FROM runtime AS edge
COPY --from=packages /opt/streamapp /opt/streamapp
COPY --from=code /opt/streamapp /opt/streamapp
USER 10001:10001
CMD ["streamapp", "api"]

FROM edge AS producer
CMD ["streamapp", "produce"]

FROM edge AS sinks
CMD ["streamapp", "sinks"]

FROM packages AS ml-packages
RUN uv pip install --quiet --require-hashes --only-binary :all: --constraint requirements.lock \
    --requirement pyproject.toml --extra autogluon --extra tracing

FROM runtime AS worker
# LightGBM and scikit-learn compute with OpenMP.
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends libgomp1 >/dev/null \
 && rm -rf /var/lib/apt/lists/*
COPY --from=ml-packages /opt/streamapp /opt/streamapp
COPY --from=code /opt/streamapp /opt/streamapp
USER 10001:10001
CMD ["streamapp", "worker"]

FROM worker AS trainer
CMD ["streamapp", "train"]

FROM worker AS mlflow
CMD ["mlflow", "server"]

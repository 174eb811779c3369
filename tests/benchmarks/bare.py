"""What the edge is compared with: FastAPI as its documentation shows it, and as little beside it as will do.

python bare.py stream --port 8000 --broker localhost:9092 --topic bare
python bare.py predict --port 8000 --registry http://localhost:5001 --model LightGBM_Classifier@champion
"""

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import uvicorn
from aiokafka import AIOKafkaProducer
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse


def stream(broker: str, topic: str) -> FastAPI:
    """Return an endpoint that puts a body on a topic as it is, and answers once the broker has acknowledged it."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AIOKafkaProducer(bootstrap_servers=broker, acks="all", max_batch_size=128 * 1024) as producer:
            app.state.producer = producer
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/predict_stream")
    async def predict_stream(request: Request) -> JSONResponse:
        stood = await request.app.state.producer.send_and_wait(topic, await request.body())
        answer = {"status": "queued", "partition": stood.partition, "offset": stood.offset}
        return JSONResponse(answer, HTTPStatus.ACCEPTED)

    return app


def predict(registry: str, model: str) -> FastAPI:
    """Return an endpoint that calls a LightGBM model in a thread, on one row as its body has it."""
    import mlflow
    import numpy as np

    mlflow.set_tracking_uri(registry)
    booster = mlflow.lightgbm.load_model(f"models:/{model}")
    columns = booster.feature_name()
    app = FastAPI()

    def call(row: dict[str, Any]) -> int:
        values = np.array([[row.get(column, np.nan) for column in columns]], dtype=float)
        return int(booster.predict(values, num_threads=1).argmax())

    @app.post("/predict")
    async def endpoint(request: Request) -> JSONResponse:
        return JSONResponse({"prediction": await run_in_threadpool(call, await request.json())})

    return app


def main() -> None:
    """Read the command line, serve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("endpoint", choices=("stream", "predict"))
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--broker")
    parser.add_argument("--topic")
    parser.add_argument("--registry")
    parser.add_argument("--model")
    options = parser.parse_args()
    app = (
        stream(options.broker, options.topic)
        if options.endpoint == "stream"
        else predict(options.registry, options.model)
    )
    uvicorn.run(app, port=options.port, loop="uvloop", http="httptools", access_log=False, log_level="warning")


if __name__ == "__main__":
    main()

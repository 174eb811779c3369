"""What is raced: the worker with each guarantee, and the programs that one would use or write otherwise."""

import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final, Literal, NamedTuple

import msgspec
from unique import environment

from benchmarks.bench import Bench
from benchmarks.peers.served import Task
from benchmarks.traffic import PARTITIONS
from streamapp.clients import kafka
from streamapp.contracts.settings import load_settings
from streamapp.contracts.topics import topics
from streamapp.embedded.processes import Program

_PEERS: Final = Path(__file__).parent / "peers"


class Job(NamedTuple):
    """What a contender is to do.

    Attributes:
        broker: Address of the broker.
        input: Topic with the requests.
        output: Topic for the predictions.
        group: Consumer group; a new one starts at the oldest record.
        registry: MLflow server that has the model, for who reads one.
        models: Names of the models in the registry, by alias.
        files: Folder with the same model as plain files; see `export`.
        port: A free port, for the worker's own page.
    """

    broker: str
    input: str
    output: str
    group: str
    registry: str
    models: Mapping[str, str]
    files: Path
    port: int


class Contender(NamedTuple):
    """One that is raced.

    Attributes:
        name: As tables have it.
        program: Returns how it is started.
        share: Of the records that it gets: a slow one is measured on fewer.
    """

    name: str
    program: Callable[[Bench, Job], Awaitable[Program]]
    share: float = 1.0


def ours(guarantee: Literal["at_least_once", "exactly_once"], session_timeout: float = 6.0) -> Contender:
    """Return the worker with one of its guarantees; its group does without it for as long as a session lasts."""

    async def program(bench: Bench, job: Job) -> Program:
        settings = load_settings(
            broker=job.broker,
            mlflow_tracking_uri=job.registry,
            processing_guarantee=guarantee,
            models=dict(job.models),
            default_model=next(iter(job.models)),
            model_topics={},
            group=job.group,
            partitions=PARTITIONS,
            input_topic=job.input,
            predictions_topic=job.output,
            **{f"{name}_topic": f"{name}-{job.group}" for name in ("dead_letters", "redriven", "models")},
            **{f"{name}_topic": f"{name}-{job.group}" for name in ("switches", "status", "replies")},
            session_timeout=session_timeout,
            rebalance_timeout=4.0,
            worker_web_port=job.port,
            var_dir=bench.folder / job.group,
        )
        # Several workers start at once, and one that has just made its topics may be told that they are not there.
        await kafka.ensure_topics(settings, topics(settings), "bench")
        return Program(
            f"worker-{job.group}", (sys.executable, "-m", "streamapp", "worker"), env=environment(settings)
        )

    return Contender(f"streamapp, {guarantee}", program)


def peer(name: str, title: str, share: float = 1.0, **env: str) -> Contender:
    """Return a program of `peers/`, which gets its task as a file, and these variables."""

    async def program(bench: Bench, job: Job) -> Program:
        state = bench.folder / job.group
        state.mkdir()
        given = Task(job.broker, job.group, job.input, job.output, str(job.files), PARTITIONS, str(state))
        (state / "task.json").write_bytes(msgspec.json.encode(given))
        python, script = await bench.peers(name), _PEERS / f"{name}.py"
        return Program(name, (str(python), str(script), str(state / "task.json")), env=env, cwd=state)

    return Contender(title, program, share)


AT_LEAST_ONCE: Final = ours("at_least_once")
EXACTLY_ONCE: Final = ours("exactly_once")
EXPERT: Final = peer("expert", "expert's aiokafka loop", COLLECTOR="off")
EXPERT_COLLECTED: Final = peer("expert", "expert's loop, Python's own collector", COLLECTOR="default")
FASTSTREAM: Final = peer("faststream_batch", "FastStream, batches")
FAUST: Final = peer("faust_take", "stock Faust, take", share=0.08)
QUIX: Final = peer("quix", "Quix Streams", share=0.08)

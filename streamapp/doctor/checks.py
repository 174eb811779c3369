"""All checks, in the order in which reports have them."""

from typing import Final

from streamapp.doctor import (
    broker,
    clock,
    contradictions,
    disk,
    edge,
    group,
    guarantee,
    lag,
    mirror,
    mlflow,
    models,
    packages,
    redis,
    topics,
    workers,
)
from streamapp.doctor.visit import Check

CHECKS: Final = (
    Check("settings", contradictions.look),
    Check("packages", packages.look),
    Check("disk", disk.look),
    Check("clock", clock.look),
    Check("broker", broker.look),
    Check("guarantee", guarantee.look, ("broker",)),
    Check("topics", topics.look, ("broker",)),
    Check("workers", workers.look, ("broker",)),
    Check("group", group.look, ("broker",)),
    Check("lag", lag.look, ("broker",)),
    Check("redis", redis.look),
    Check("mirror", mirror.look, ("broker", "redis")),
    Check("mlflow", mlflow.look),
    Check("models", models.look, ("mlflow",)),
    Check("edge", edge.look),
)

"""What flows where: the topics, and what is promised of the way over them."""

from typing import Literal

from pydantic import BaseModel, Field


class FlowSettings(BaseModel):
    """Guarantee, group and topics."""

    processing_guarantee: Literal["auto", "exactly_once", "at_least_once"] = Field(
        "auto",
        description="`exactly_once`: outputs and input offsets in one transaction a batch. `at_least_once`: offsets "
        "after the outputs' acknowledgement; a repeat can appear after a crash. `auto`: `exactly_once` where the "
        "broker has transactions.",
    )
    group: str = Field(
        "streamapp",
        min_length=1,
        description="Consumer group of the scoring workers, and the Faust app's id.",
    )
    input_topic: str = Field("mlops_stream", description="Topic that requests arrive on.")
    predictions_topic: str = Field("predictions", description="Topic that predictions go to.")
    dead_letters_topic: str = Field("dead_letters", description="Topic that refused records go to.")
    redriven_topic: str = Field("redriven", description="Topic that says which dead letters were redriven.")
    models_topic: str = Field("models", description="Compacted topic with one card a served model.")
    switches_topic: str = Field(
        "model_switches", description="Topic that says from which offset on a model's version is used."
    )
    status_topic: str = Field(
        "model_status", description="Compacted topic with what each worker says of its models, e.g. why not of one."
    )
    replies_topic: str = Field("replies", description="Topic that answers to `POST /predict` come back on.")
    model_topics: dict[str, str] = Field(
        default={"marketplace": "mlops_stream_marketplace"},
        description="Topics of their own for slow models: alias to topic, as JSON. Others share the input topic.",
    )
    partitions: int = Field(4, ge=1, description="Partitions of the topics, where they are created.")
    reply_partitions: int = Field(
        16, ge=1, description="Partitions of the replies topic, where it is created: one for each edge at least."
    )
    replication: int = Field(1, ge=1, description="Replicas of the topics, where they are created.")
    retention_days: int = Field(7, ge=1, description="Days that the topics keep records, where they are created.")

"""The document: the topics that the settings name, and what is on them."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from api.documents.asyncapi import headers, messages
from api.documents.asyncapi.messages import Message
from streamapp import __version__
from streamapp.contracts.settings import Settings
from streamapp.contracts.topics import Topic, topics

VERSION: Final = "3.0.0"
#: https://github.com/asyncapi/bindings/tree/master/kafka
_BINDING: Final = "0.5.0"
_DESCRIPTION: Final = """Real-time predictions on Kafka: requests come in on the input topics, and each of them ends
once, as a prediction or as a dead letter. What is sent and received is said from the side of streamapp as a whole."""


class Channel(NamedTuple):
    """What a topic is for.

    Attributes:
        title: For a person.
        action: `receive` or `send`, from our side.
        messages: Kinds of records on it.
    """

    title: str
    action: str
    messages: tuple[Message, ...]


def document(settings: Settings) -> dict[str, Any]:
    """Return the AsyncAPI document of the topics that the settings name."""
    channels = _channels(settings)
    made = [(topic, channels[topic.name]) for topic in topics(settings)]
    kinds = {message.name: message for channel in channels.values() for message in channel.messages}
    return {
        "asyncapi": VERSION,
        "info": {
            "title": "streamapp",
            "version": __version__,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic, channel) for topic, channel in made},
        "operations": {
            f"{channel.action}.{topic.name}": _operation(topic.name, channel, settings) for topic, channel in made
        },
        "components": {
            "messages": {name: _message(message) for name, message in kinds.items()},
            "schemas": messages.payloads(),
        },
    }


def _channels(settings: Settings) -> dict[str, Channel]:
    """Return what each topic is for, by its name."""
    shared = Channel("Requests", "receive", (messages.REQUEST,))
    own = {
        topic: Channel(f"Requests for {alias}", "receive", (messages.REQUEST,))
        for alias, topic in settings.model_topics.items()
    }
    return own | {
        settings.input_topic: shared,
        settings.predictions_topic: Channel("Predictions", "send", (messages.PREDICTION,)),
        settings.dead_letters_topic: Channel("Dead letters", "send", (messages.DEAD_LETTER,)),
        settings.replies_topic: Channel("Replies", "send", (messages.ANSWER, messages.REFUSAL)),
        settings.models_topic: Channel("Model cards", "send", (messages.CARD,)),
        settings.switches_topic: Channel("Switches of versions", "send", (messages.SWITCH,)),
        settings.status_topic: Channel("What workers say", "send", (messages.STATUS,)),
        settings.redriven_topic: Channel("Redriven dead letters", "send", (messages.MARKER,)),
    }


def _channel(topic: Topic, channel: Channel) -> dict[str, Any]:
    config = {name: int(value) if value.isdigit() else value for name, value in topic.config.items()}
    if "cleanup.policy" in topic.config:
        config["cleanup.policy"] = topic.config["cleanup.policy"].split(",")  # type: ignore[assignment]  # a list there
    return {
        "address": topic.name,
        "title": channel.title,
        "messages": {message.name: {"$ref": f"#/components/messages/{message.name}"} for message in channel.messages},
        "bindings": {
            "kafka": {
                "partitions": topic.partitions,
                "replicas": topic.replication,
                "topicConfiguration": config,
                "bindingVersion": _BINDING,
            }
        },
    }


def _operation(topic: str, channel: Channel, settings: Settings) -> dict[str, Any]:
    operation = {
        "action": channel.action,
        "channel": {"$ref": f"#/channels/{topic}"},
        "messages": _on(topic, channel.messages),
    }
    if channel.action == "receive":
        # To the partition that the request names; without the header there is none.
        replies = settings.replies_topic
        operation["reply"] = {
            "channel": {"$ref": f"#/channels/{replies}"},
            "messages": _on(replies, (messages.ANSWER, messages.REFUSAL)),
        }
    return operation


def _on(topic: str, kinds: Iterable[Message]) -> list[dict[str, str]]:
    return [{"$ref": f"#/channels/{topic}/messages/{message.name}"} for message in kinds]


def _message(message: Message) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": message.name,
        "title": message.title,
        "summary": message.summary,
        "contentType": message.content_type,
        "payload": message.payload,
    }
    if message.headers:
        made["headers"] = headers.schema(message.headers, others=message.others)
        made["correlationId"] = {"location": "$message.header#/ce_id", "description": "Id of the request."}
    if message.key is not None:
        made["bindings"] = {"kafka": {"key": message.key, "bindingVersion": _BINDING}}
    return made

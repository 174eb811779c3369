"""Dead letters: a record that cannot be scored, its original bytes, and why. Pure."""

from streamapp.contracts import codec
from streamapp.contracts.errors import Code, PredictionTimeout, RecordError
from streamapp.contracts.messages import DeadLetter
from streamapp.scoring.records import Record


def dead_letter(record: Record, exc: Exception, now: str, model: str = "", version: str = "") -> DeadLetter:
    """Make the dead letter of a record: its original bytes, and why it was refused."""
    return DeadLetter(
        key=record.key,
        value=record.value,
        headers=tuple(record.headers),
        code=code_of(exc),
        error=type(exc).__name__,
        message=message_of(exc),
        model=model,
        version=version,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        attempt=codec.next_attempt(record.headers),
        time=now,
    )


def code_of(exc: Exception) -> Code:
    """Return the code under which a record is refused for an error."""
    if isinstance(exc, RecordError):
        return exc.code
    return Code.MODEL_TIMEOUT if isinstance(exc, PredictionTimeout) else Code.MODEL_FAILED


def message_of(exc: BaseException) -> str:
    """Return the message of an error, bounded, and as text that can be encoded whatever a model put there."""
    try:
        text = str(exc)[: codec.MAX_MESSAGE]
    except Exception as broken:  # noqa: BLE001  # the text of a model's own error is the model's code, too
        return f"Its message cannot be read: {type(broken).__name__}."
    return text.encode(errors="replace").decode()

"""Records as the worker's transport makes them, of those that any consumer of aiokafka's reads."""

from aiokafka import ConsumerRecord

from streamapp.transport.records import Record


def as_worker_reads(record: ConsumerRecord) -> Record:
    given = {name: getattr(record, name) for name in ConsumerRecord.__dataclass_fields__}
    return Record(**given, header_names=frozenset(name for name, _ in record.headers))

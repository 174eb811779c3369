"""The CSV audit: one line a prediction, with the offset it came from."""

import asyncio
import contextlib
import logging
from collections.abc import Collection, Iterator, Mapping

from streamapp.contracts.errors import ServiceError
from streamapp.contracts.settings import Settings
from streamapp.metrics import sinks as metrics
from streamapp.sinks import audit_rows
from streamapp.sinks.audit_file import AuditFile
from streamapp.sinks.ports import Batch, Displaced, Position, Predicted
from streamapp.sinks.telling import tell

_log = logging.getLogger(__name__)


class CsvAudit:
    """The predictions topic as a CSV file. The position of a partition is what its last row says.

    Rows outlive a SIGKILL of this process. A crash of the machine may lose the last ones; since the offsets go with
    them, they are read from the topic again. A file that was removed is written anew from the beginning of the topic.

    Args:
        settings: The settings in force.
    """

    def __init__(self, settings: Settings) -> None:
        self._path = settings.csv_path
        self._file = AuditFile(settings.csv_path, settings.input_topic)
        self._kept: dict[int, Position] = {}

    async def positions(self, partitions: Collection[int]) -> dict[int, Position]:
        """Return the positions of the last rows.

        Raises:
            ServiceError: The file cannot be read or written, or another process writes it.
            SettingsError: The file under this path is not ours.
        """
        return await asyncio.to_thread(self._positions, partitions)

    async def write(self, batch: Batch[Predicted]) -> None:
        """Append the rows.

        Raises:
            Displaced: The file was changed, or its last row is not `batch.before`.
            ServiceError: The file cannot be written, e.g. because the disk is full.
        """
        await asyncio.to_thread(self._write, batch)
        metrics.AUDITED.inc(len(batch.entries))
        tell(batch.entries, "csv")

    async def restart(self, kept: Mapping[int, Position]) -> None:
        """Rename the file to `NAME-TIME.csv`; the next row begins a new one.

        Raises:
            Displaced: The file was changed, or its last rows are not `kept`.
            ServiceError: The file cannot be renamed.
        """
        await asyncio.to_thread(self._restart, kept)

    async def close(self) -> None:
        """Close the file and give up its lock."""
        self._file.close()

    def _positions(self, partitions: Collection[int]) -> dict[int, Position]:
        if not self._file.is_intact():
            with self._file_errors():
                self._kept = self._file.open(partitions)
        return {partition: self._kept.get(partition, Position()) for partition in partitions}

    def _write(self, batch: Batch[Predicted]) -> None:
        self._expect({batch.partition: batch.before})
        with self._file_errors():
            self._file.append(audit_rows.rows(batch.entries))
        self._kept[batch.partition] = batch.after

    def _restart(self, kept: Mapping[int, Position]) -> None:
        self._expect(kept)
        with self._file_errors():
            _log.warning("%s: the rows so far are in %s", self._path, self._file.rotate())

    def _expect(self, kept: Mapping[int, Position]) -> None:
        ours = {partition: self._kept.get(partition, Position()) for partition in kept}
        if ours != kept or not self._file.is_intact():
            raise Displaced(f"{self._path} was changed behind our back. Following from its last rows.")

    @contextlib.contextmanager
    def _file_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            raise ServiceError(f"{self._path} (STREAMAPP_CSV_PATH) cannot be written: {exc.strerror}") from exc

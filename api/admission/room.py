"""The memory that requests under way may take, all together."""

from types import TracebackType
from typing import Final, Self

from api.errors import Overloaded

#: Most bytes of requests that are read, checked, or wait for the broker: one that is away does not fill the memory.
MOST_BYTES: Final = 64 * 1024 * 1024


class Room:
    """A number of bytes that requests take from and give back to.

    Args:
        most: Bytes that may be taken at once.
    """

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self.taken = 0

    @property
    def is_full(self) -> bool:
        """Whether nothing is left: what is taken and cannot be refused any more may be more than there is."""
        return self.taken >= self._most

    def take(self, size: int) -> None:
        """Take some bytes.

        Raises:
            Overloaded: So many are not left; none was taken.
        """
        if self.taken + size > self._most:
            raise Overloaded("Too many requests are under way; nothing was accepted.")
        self.taken += size

    def give_back(self, size: int) -> None:
        """Give back what was taken."""
        self.taken -= size


class Share:
    """What one request takes of the room while a block runs; given back at its end.

    Args:
        room: The room.
    """

    def __init__(self, room: Room) -> None:
        self._room = room
        self._size = 0

    def take(self, size: int) -> None:
        """Take some more bytes.

        Raises:
            Overloaded: So many are not left.
        """
        self._room.take(size)
        self._size += size

    def resize(self, size: int) -> None:
        """Take so many bytes in all: the rest is given back.

        Raises:
            Overloaded: So many are not left; it stays as it was.
        """
        if size > self._size:
            self.take(size - self._size)
        else:
            self._room.give_back(self._size - size)
            self._size = size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._room.give_back(self._size)

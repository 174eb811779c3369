"""`python -m benchmarks.ceiling FILES ROUNDS RESULT`: decode, predict and encode in memory: no loop can beat it.

With the code of the peers, in one thread, with the collector of cycles kept off the records as in the expert's loop;
writes the records a second of each round.
"""

import gc
import sys
import time
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.peers.served import Served
from benchmarks.traffic import ALIAS, DISTINCT, Workload, datas
from streamapp.contracts import codec

_REPEATS: Final = 15


def ceiling(served: Served) -> float:
    """Return the requests a second that are answered in memory, all distinct ones at a time."""
    values = [codec.encode_request(data, None, ALIAS) for data in datas(Workload().columns, 1)]
    ids = [f"request-{i}" for i in range(DISTINCT)]
    served.answer(values, ids)
    start = time.perf_counter()
    for _ in range(_REPEATS):
        served.answer(values, ids)
    return _REPEATS * DISTINCT / (time.perf_counter() - start)


if __name__ == "__main__":
    model = Served(Path(sys.argv[1]))
    gc.freeze()
    gc.set_threshold(100_000)
    found = [ceiling(model) for _ in range(int(sys.argv[2]))]
    Path(sys.argv[3]).write_bytes(msgspec.json.encode(found))

"""A Faust transport that hands an agent whole fetched batches instead of single records.

Usable by any Faust app: install the package and give Faust a broker URL that starts with `batch://`. See README.md
in this folder.
"""

from streamapp.transport.batch import Batch, BatchSchema
from streamapp.transport.driver import Transport
from streamapp.transport.ledger import Progress

__all__ = ["Batch", "BatchSchema", "Progress", "Transport"]

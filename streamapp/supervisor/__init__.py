"""Several scoring workers under one command, `streamapp worker --processes N`; each is a plain worker of the group.

The supervisor starts them, passes their output on, answers for all of them on one page, and ends them together. It
reads no record and imports neither Faust nor MLflow.
"""

from streamapp.supervisor.run import supervise

__all__ = ["supervise"]

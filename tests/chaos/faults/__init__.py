"""The faults. Every module here names its own in `FAULTS`."""

import pkgutil
from importlib import import_module

from chaos.fault import Fault


def load() -> dict[int, Fault]:
    """Return all faults by number, in order.

    Raises:
        ValueError: Two have the same number.
    """
    modules = [import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    faults = [fault for module in modules for fault in module.FAULTS]
    by_number = {fault.number: fault for fault in sorted(faults, key=lambda fault: fault.number)}
    if len(by_number) != len(faults):
        raise ValueError("two faults have the same number")
    return by_number

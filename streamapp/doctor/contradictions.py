"""Settings: those that nothing knows, and those that are right one by one and wrong together."""

import shlex
import stat
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from streamapp.contracts.errors import SettingsError
from streamapp.contracts.keys import decode_keys
from streamapp.contracts.settings import Settings, variable
from streamapp.contracts.shown import describe, unknown_variables
from streamapp.doctor.findings import Fault, Finding, Said, Seen, error, warning
from streamapp.doctor.visit import Looks, Visit

_TOPICS: Final = (
    "predictions_topic",
    "dead_letters_topic",
    "redriven_topic",
    "models_topic",
    "switches_topic",
    "status_topic",
    "replies_topic",
)
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class _Clash(NamedTuple):
    """Two settings that do not fit together."""

    first: str
    second: str
    is_there: Callable[[Settings], bool]
    what: str
    mend: str


_CLASHES: Final = (
    _Clash(
        "max_body_bytes",
        "max_record_bytes",
        lambda s: s.max_body_bytes > s.max_record_bytes,
        "The edge reads bodies that are too large for a record, and refuses them only then.",
        "Set the first to the second at most.",
    ),
    _Clash(
        "publish_timeout",
        "predict_deadline",
        lambda s: s.publish_timeout >= s.predict_deadline,
        "POST /predict gives up (504) before the broker has had its time.",
        "Set the first below the second.",
    ),
    _Clash(
        "predict_timeout",
        "predict_deadline",
        lambda s: s.predict_timeout >= s.predict_deadline,
        "POST /predict gives up (504) before the model has had its time.",
        "Set the first below the second.",
    ),
    _Clash(
        "liveness_timeout",
        "rebalance_timeout",
        lambda s: s.liveness_timeout <= s.predict_timeout + s.rebalance_timeout,
        "A worker that waits for a slow model, or for the others in a rebalance, counts as one that hangs.",
        "Set the first well above the second and STREAMAPP_PREDICT_TIMEOUT together.",
    ),
    _Clash(
        "max_lag",
        "max_batch_records",
        lambda s: s.max_lag < s.max_batch_records,
        "The edge refuses requests (503) while fewer wait than a worker takes at once.",
        "Set the first far above the second.",
    ),
    _Clash(
        "trusted_models",
        "model_manifests",
        lambda s: s.trusted_models == "off" and s.model_manifests is not None,
        "There is a folder of manifests, and workers do not look at it: they load any model.",
        "Set the first to enforce, or name no folder.",
    ),
)


async def look(visit: Visit) -> Looks:
    """Look at the settings, and at the file of API keys where they name one."""
    settings = visit.settings
    yield Seen(_summary(settings))
    for name, nearest in unknown_variables().items():
        yield warning(
            Fault.SETTING_UNKNOWN,
            name,
            f"{name} is no setting and has no effect.",
            f"Rename it; the nearest setting is {nearest}. `streamapp config` shows all.",
        )
    for finding in (*shared_names(settings), *clashes(settings)):
        yield finding
    if (path := settings.api_keys_file) is not None:
        for said in keys_file(path):
            yield said


def _summary(settings: Settings) -> str:
    sources = Counter(setting.source for setting in describe(settings))
    given = ", ".join(f"{count} from {source}" for source, count in sources.items() if source != "default")
    return f"{given or 'none given'}, else defaults"


def shared_names(settings: Settings) -> Iterator[Finding]:
    """Yield an error for each name on the wire that two settings give to different things."""
    for kind, names in (
        ("topic", _TOPICS),
        ("stream", ("redis_requests_stream", "redis_predictions_stream")),
        ("port", ("api_port", "api_also_port")),
    ):
        users: dict[object, list[str]] = defaultdict(list)
        for name in names:
            if value := getattr(settings, name):  # port 0 is any that is free
                users[value].append(variable(name))
        for value, variables in users.items():
            if len(variables) > 1:
                yield error(
                    Fault.SETTINGS_CLASH,
                    " and ".join(variables),
                    f"They name the same {kind}, {value}; each has to have its own.",
                    "Set all but one of them to other names."
                    if kind != "port"
                    else "Set one of them to another port.",
                )


def clashes(settings: Settings) -> Iterator[Finding]:
    """Yield a warning for each pair of settings of which one makes nothing of the other."""
    for clash in _CLASHES:
        if clash.is_there(settings):
            names = (clash.first, clash.second)
            about = " and ".join(f"{variable(name)}={getattr(settings, name)}" for name in names)
            yield warning(Fault.SETTINGS_CLASH, about, clash.what, clash.mend)


def keys_file(path: Path) -> Iterator[Said]:
    """Look at the file of API keys as the edge does, which does not start where it cannot use it."""
    about = f"STREAMAPP_API_KEYS_FILE={path}"
    try:
        count, mode = len(decode_keys(path.read_bytes())), path.stat().st_mode
    except OSError as exc:
        yield error(
            Fault.KEYS_UNUSABLE,
            about,
            f"The file of API keys cannot be read ({exc.strerror}): the edge does not start.",
            "Make it by adding a key, or correct the path or its permissions.",
            "streamapp keys add NAME --scope predict --scope read",
        )
        return
    except SettingsError as exc:
        yield error(
            Fault.KEYS_UNUSABLE,
            about,
            f"The file of API keys: {exc}.",
            "Correct or remove that line; the edge follows.",
        )
        return
    yield Seen(f"{count} API keys")
    if mode & _OTHERS:
        yield warning(
            Fault.KEYS_UNUSABLE,
            about,
            f"Others than its owner may use the file of API keys (mode {stat.S_IMODE(mode):04o}).",
            "Take their permissions away.",
            f"chmod 600 {shlex.quote(str(path))}",
        )

"""What a check can say: what it saw, and what it found wrong. docs/doctor.md has a line for each fault."""

from enum import StrEnum

from msgspec import Struct


class Level(StrEnum):
    """How bad a finding is.

    An error keeps the system from doing what it is for, or from keeping a promise. A warning does so only when
    something else happens, or costs something. A note says what could not be looked at.
    """

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Fault(StrEnum):
    """What is wrong, in a word that stays: programs may compare it."""

    SETTING_WRONG = "setting_wrong"
    SETTING_UNKNOWN = "setting_unknown"
    SETTINGS_CLASH = "settings_clash"
    KEYS_UNUSABLE = "keys_unusable"

    PYTHON_VERSION = "python_version"
    PACKAGE_VERSION = "package_version"
    PACKAGE_CLASH = "package_clash"

    BROKER_UNREACHABLE = "broker_unreachable"
    BROKER_TLS = "broker_tls"
    BROKER_UNTRUSTED = "broker_untrusted"
    BROKER_REFUSES = "broker_refuses"
    BROKER_ADVERTISES = "broker_advertises"
    BROKER_OLD = "broker_old"

    GUARANTEE_IMPOSSIBLE = "guarantee_impossible"
    TRANSACTIONS_REFUSED = "transactions_refused"

    TOPIC_MISSING = "topic_missing"
    TOPIC_OFFLINE = "topic_offline"
    TOPIC_PARTITIONS = "topic_partitions"
    TOPIC_REPLICAS = "topic_replicas"
    TOPIC_MIN_INSYNC = "topic_min_insync"
    TOPIC_CLEANUP = "topic_cleanup"
    TOPIC_RETENTION = "topic_retention"
    TOPIC_RECORD_SIZE = "topic_record_size"
    TOPIC_UNSEEN = "topic_unseen"

    WORKER_ABSENT = "worker_absent"
    WORKER_SILENT = "worker_silent"
    WORKERS_IDLE = "workers_idle"
    WORKERS_UNSEEN = "workers_unseen"
    WORKER_HUNG = "worker_hung"
    MODEL_REFUSED = "model_refused"

    LAG_HIGH = "lag_high"
    LAG_STANDING = "lag_standing"
    LAG_UNSEEN = "lag_unseen"
    RECORDS_EXPIRED = "records_expired"
    PARTITION_UNREAD = "partition_unread"

    REDIS_UNREACHABLE = "redis_unreachable"
    REDIS_TLS = "redis_tls"
    REDIS_UNTRUSTED = "redis_untrusted"
    REDIS_REFUSES = "redis_refuses"
    REDIS_OLD = "redis_old"
    REDIS_REPLICA = "redis_replica"
    REDIS_EVICTS = "redis_evicts"
    REDIS_FULL = "redis_full"
    REDIS_FORGETS = "redis_forgets"
    REDIS_CANNOT_SAVE = "redis_cannot_save"
    REDIS_RIGHTS = "redis_rights"
    REDIS_KEY_TYPE = "redis_key_type"
    REDIS_UNSEEN = "redis_unseen"
    MIRROR_STANDING = "mirror_standing"
    MIRROR_UNSEEN = "mirror_unseen"

    MLFLOW_UNREACHABLE = "mlflow_unreachable"
    MLFLOW_REFUSES = "mlflow_refuses"
    MLFLOW_VERSION = "mlflow_version"
    MLFLOW_UNSEEN = "mlflow_unseen"
    MODEL_MISSING = "model_missing"
    MODEL_ALIAS = "model_alias"
    MODEL_UNTRUSTED = "model_untrusted"
    MODEL_UNFIT = "model_unfit"
    MODEL_PACKAGES = "model_packages"
    MODEL_PYTHON = "model_python"

    CLOCK_OFF = "clock_off"

    EDGE_UNREACHABLE = "edge_unreachable"
    EDGE_NOT_READY = "edge_not_ready"
    PORT_TAKEN = "port_taken"

    DISK_FULL = "disk_full"
    FOLDER_UNWRITABLE = "folder_unwritable"

    CHECK_TIMED_OUT = "check_timed_out"
    CHECK_FAILED = "check_failed"


class Finding(Struct, frozen=True):
    """Something that is wrong, or that could not be looked at.

    Attributes:
        level: How bad it is.
        fault: What kind of thing it is.
        about: What it concerns: a setting, a topic, a port, a file, a model, an address.
        what: What is wrong, for a person.
        mend: What to do about it, for a person.
        command: What to type for it, where that is one line; "" where it is not.
    """

    level: Level
    fault: Fault
    about: str
    what: str
    mend: str
    command: str = ""


class Seen(Struct, frozen=True):
    """Something that was looked at and is well.

    Attributes:
        text: What it is, in a few words.
    """

    text: str


#: What a check yields.
Said = Finding | Seen


def error(fault: Fault, about: str, what: str, mend: str, command: str = "") -> Finding:
    """Return what keeps the system from working."""
    return Finding(Level.ERROR, fault, about, what, mend, command)


def warning(fault: Fault, about: str, what: str, mend: str, command: str = "") -> Finding:
    """Return what may do harm."""
    return Finding(Level.WARNING, fault, about, what, mend, command)


def note(fault: Fault, about: str, what: str, mend: str, command: str = "") -> Finding:
    """Return what could not be looked at."""
    return Finding(Level.NOTE, fault, about, what, mend, command)

"""`streamapp promote`: another version of a model, on the running stream."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from streamapp.cli.terminal import quiet
from streamapp.contracts.errors import ModelLoadError
from streamapp.contracts.fleet import is_alive
from streamapp.contracts.settings import Settings, load_settings

if TYPE_CHECKING:
    from streamapp.clients.said import Said
    from streamapp.contracts.status import Refused
    from streamapp.runtimes.promotion import Promotion

#: Seconds that the workers may take, and between looks at what they say.
_PATIENCE: Final = 30.0
_LOOK: Final = 0.3


def promote(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Name in the registry, or the alias that requests use.")
    ],
    version: Annotated[str, typer.Argument(metavar="VERSION", help="Version in the registry.")],
    *,
    wait: Annotated[bool, typer.Option(help="Wait until the living workers serve it, 30 s at most.")] = True,
) -> None:
    """Move the registry alias (STREAMAPP_REGISTRY_ALIAS) of a model to a version; workers change over as they run.

    The exit code is 1 where a worker refuses the version, or does not serve it in time; then the version before stays
    in use, and the alias is where this command has put it.
    """
    quiet()
    asyncio.run(_promote(load_settings(), name, version, wait=wait))


async def _promote(settings: Settings, name: str, version: str, *, wait: bool) -> None:
    from streamapp.clients.said import statuses

    before = await statuses(settings) if wait else {}
    known = {refused for said in before.values() for refused in said.status.refused}
    since = max((said.offset for said in before.values()), default=-1)
    moved = await asyncio.to_thread(_move, settings, name, version)
    typer.echo(f"{moved.name}: {settings.registry_alias} {_was(moved)}, is version {moved.version}.")
    if not moved.aliases:
        typer.echo("No alias names this model: STREAMAPP_MODELS or the tag streamapp.alias would have it served.")
    elif wait:
        typer.echo(_by(await _served(settings, moved, since, known), moved))


def _move(settings: Settings, name: str, version: str) -> "Promotion":
    from streamapp.runtimes.promotion import Promoter

    promoter = Promoter(settings.mlflow_tracking_uri, settings.registry_alias)
    return promoter.promote(name, version, settings.models)


def _was(moved: "Promotion") -> str:
    return "was not set" if moved.before is None else f"was version {moved.before}"


def _by(workers: int, moved: "Promotion") -> str:
    if not workers:
        return "No worker lives: the next one that starts serves it."
    return f"{' and '.join(moved.aliases)}: served by {workers} worker{'s' if workers > 1 else ''}."


async def _served(settings: Settings, moved: "Promotion", since: int, known: "set[Refused]") -> int:
    """Return how many workers serve the version, once all that live do.

    Only what they say behind the offset `since` counts, and no refusal that is `known`: they may have refused the
    same version before, and try it again within a minute.

    Raises:
        ModelLoadError: One refuses it, or does not serve it in time.
        BrokerUnavailable: The broker does not answer.
    """
    from streamapp.clients.said import statuses

    deadline = asyncio.get_running_loop().time() + _PATIENCE
    while True:
        living = _living(await statuses(settings))
        late = [worker for worker, said in living.items() if said.offset <= since or not _serves(said, moved)]
        _raise_refusal([said for said in living.values() if said.offset > since], moved, known)
        if not late:
            return len(living)
        if asyncio.get_running_loop().time() > deadline:
            names = ", ".join(sorted(late))
            raise ModelLoadError(f"{moved.name} {moved.version} is not served by {names} after {_PATIENCE:g} s.")
        await asyncio.sleep(_LOOK)


def _living(said: dict[str, "Said"]) -> dict[str, "Said"]:
    now = datetime.now(UTC)
    return {worker: one for worker, one in said.items() if is_alive(one.status, now)}


def _serves(said: "Said", moved: "Promotion") -> bool:
    return any((one.registered_name, one.version) == (moved.name, moved.version) for one in said.status.serving)


def _raise_refusal(said: "list[Said]", moved: "Promotion", known: "set[Refused]") -> None:
    for one in said:
        for refused in set(one.status.refused) - known:
            if (refused.registered_name, refused.version) == (moved.name, moved.version):
                raise ModelLoadError(f"{one.status.worker} refuses {moved.name} {moved.version}: {refused.reason}")

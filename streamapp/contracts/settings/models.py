"""Which models are served, and which are trusted."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field
from pydantic.functional_validators import BeforeValidator


class ModelSettings(BaseModel):
    """Served models."""

    models: dict[str, str] = Field(
        default={
            "svm": "SVC",
            "knn": "Knn_Classifier",
            "lightgbm": "LightGBM_Classifier",
            "marketplace": "AutoGluon_Marketplace",
        },
        min_length=1,
        description="Served models: alias to name in the registry, as JSON. Others are served under the alias that "
        "the tag `streamapp.alias` of the registered model gives.",
    )
    default_model: str = Field("svm", description="Alias used where a request names none.")
    registry_alias: str = Field(
        "champion",
        description="Registry alias whose version is served; where it is not set, the newest version.",
    )
    registry_interval: float = Field(
        1.0, gt=0, description="Seconds between looks at the registry: a moved alias is noticed within them."
    )

    quick_models: Literal["auto", "off"] = Field(
        "auto",
        description="`auto`: a model is computed in a quicker way than its library's where that answers the same and "
        "is quicker on this machine. `off`: by its library.",
    )

    model_manifests: Annotated[Path | None, BeforeValidator(lambda path: path or None)] = Field(
        None,
        description="Folder with the manifests of trusted models, which nobody who can write artifacts can write; "
        "`streamapp train` and `streamapp models trust` add to it. (default: none)",
    )
    trusted_models: Literal["auto", "enforce", "warn", "off"] = Field(
        "auto",
        description="`enforce`: only models whose files are as their manifest says are loaded. `warn`: others are "
        "too, and the log says so. `auto`: `enforce` where `STREAMAPP_MODEL_MANIFESTS` is set, else `warn`.",
    )
    max_model_bytes: int = Field(
        2_000_000_000, ge=1, description="Largest model, all its files together; a larger one is not fetched."
    )

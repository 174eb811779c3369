"""How the predictor is fitted.

The models were chosen for one call's time and their score on held-back generated items: two boosters in one ensemble
(accuracy .85, 25 ms a call). Forests and a linear model were tried beside them: they score .82, the ensemble did not
get better by them, and a call took four times as long.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from models.autogluon import quiet
from models.marketplace.data import Split
from producer.marketplace import TARGET, USED

if TYPE_CHECKING:
    from autogluon.tabular import TabularPredictor

#: Small trees that learn fast. With more threads than one they wait for each other wherever others work, too.
#: They stop at the best log loss, which takes a quarter of the time: LightGBM computes it by itself, and not F1.
_TREES: Final[Mapping[str, Any]] = MappingProxyType(
    {"num_leaves": 15, "learning_rate": 0.1, "num_threads": 1, "ag.stopping_metric": "log_loss"}
)
_CORES: Final = 2


def fit(split: Split, *, seed: int, time_limit: float, folder: Path) -> "TabularPredictor":
    """Fit boosted trees, and boosted trees with random thresholds, and weigh them for the best F1.

    Args:
        split: The items.
        seed: Of the training.
        time_limit: Seconds that it may take.
        folder: Where AutoGluon keeps what it makes.
    """
    from autogluon.tabular import TabularPredictor

    quiet()
    trees = {**_TREES, "seed": seed}
    predictor = TabularPredictor(
        TARGET, problem_type="binary", eval_metric="f1", positive_class=USED, path=str(folder), verbosity=0
    )
    fitted: TabularPredictor = predictor.fit(
        split.train,
        tuning_data=split.validation,
        time_limit=time_limit,
        hyperparameters={"GBM": [trees, {**trees, "extra_trees": True, "ag_args": {"name_suffix": "XT"}}]},
        # A threshold of its own would lift F1 a little, and part the labels from the most probable class.
        calibrate_decision_threshold=False,
        num_cpus=_CORES,
        num_gpus=0,
    )
    return fitted

"""A seed says which faults are met, in which order, and all that they leave to chance."""

import pytest

from chaos import faults
from chaos.__main__ import again
from chaos.run import Plan
from chaos.trial import source


def test_the_same_seed_meets_the_same_faults_in_the_same_order_with_the_same_chances() -> None:
    def met(seed: int) -> list[tuple[str, int, tuple[str, ...], list[float]]]:
        plan = Plan((17, 2, 1), ("kafka", "embedded"), seed=seed)
        found = []
        for broker, fault in plan.trials():
            chance = source(seed, fault)
            first = fault.worker(chance) if fault.worker else ()
            found.append((broker, fault.number, first, [chance.random() for _ in range(5)]))
        return found

    assert met(7) == met(7)
    assert met(7) != met(8)
    assert [number for _, number, *_ in met(7)] == [17, 2, 1, 17, 2, 1]


def test_a_faults_chances_do_not_depend_on_which_others_are_run() -> None:
    known = faults.load()
    together = {n: source(7, fault).random() for n, fault in known.items()}
    assert all(source(7, known[n]).random() == chance for n, chance in together.items())
    assert len(set(together.values())) == len(known)


def test_the_command_that_repeats_a_run_names_all_that_it_depends_on() -> None:
    plan = Plan((1, 17), ("kafka", "embedded"), guarantee="at_least_once", seed=7, records=500)
    wanted = 'make chaos SEED=7 FAULTS=1,17 RECORDS=500 BROKER=both ARGS="--guarantee at_least_once"'
    assert again(plan, "both") == wanted


def test_the_embedded_broker_is_spared_the_faults_that_restart_it() -> None:
    plan = Plan(tuple(faults.load()), ("kafka", "embedded"))
    kafka = [fault.number for kind, fault in plan.trials() if kind == "kafka"]
    embedded = [fault.number for kind, fault in plan.trials() if kind == "embedded"]
    assert kafka == list(faults.load())
    assert set(kafka) - set(embedded) >= {6, 7}


def test_a_fault_that_is_not_there_is_refused() -> None:
    with pytest.raises(KeyError):
        Plan((99,)).trials()

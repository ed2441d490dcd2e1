"""The modules that are copied into emitted code, by themselves; they use public names alone."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from emission import describe_job, request_for

from advisor import emit as emit_package
from advisor.domain.candidate import Candidate
from advisor.domain.cluster import StepSizing
from advisor.emit import KINDS, emit
from advisor.emit.runtime.batching import BatchPlan, Step, events_of
from advisor.emit.runtime.rewiring import batched_job, raise_failures, run_config_of
from advisor.model.listing import dealt

ROOM = Path(emit_package.__file__).parent
# What was once taken of Dagster's inside; a part of its packages, or of how it calls an op.
PRIVATE = (
    *("decorated_fn", "compute_fn.", "has_config_arg", "get_config_arg", "has_context_arg"),
    *("get_resource_args", "original_resource_dict", "apply_config_mapping", "config_field"),
    *("node_keys_by", "dependency_structure", "node_named", "nodes_in_topological"),
    "from dagster._",
)


@dg.op(out=dg.DynamicOut())
def split():
    for number in range(4):
        yield dg.DynamicOutput(number, mapping_key=f"n{number}")


@dg.op
def halve(number: int) -> float:
    if number == 9:
        raise dg.RetryRequested
    return 12 / (number - 2)


@dg.op
def gather(halves: list) -> list:
    return halves


@dg.job
def halving_job():
    gather(split().map(halve).collect())


# Attributes that are read back of what has them.
READ_BACK = {
    halving_job.graph: "name node_defs dependencies input_mappings output_mappings tags"
    " description config_mapping",
    halving_job: "graph resource_defs tags hook_defs op_retry_policy input_values loggers"
    " has_specified_loggers run_config partitioned_config config_mapping",
    halve: "name ins outs description config_schema required_resource_keys retry_policy pool tags",
    dg.AssetsDefinition: "node_def keys_by_input_name keys_by_output_name specs resource_defs"
    " check_specs_by_output_name backfill_policy can_subset hook_defs dependency_keys",
    dg.PartitionedConfig: "partitions_def get_run_config_for_partition_key"
    " tags_for_partition_key_fn",
}


def plan_of(**changes: Any) -> BatchPlan:
    fields: dict[str, Any] = {
        "graph": halving_job.graph,
        "fan_out": ("split", "result"),
        "chain": {"halve": {"number": ("split", "result")}},
        "results": {"result": ("halve", "result")},
        "collected": {"gather": {"halves": "result"}},
        "batched": "halve",
    }
    return BatchPlan(**{**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "batches"),
    [
        ({"batch_size": 2}, [["bbb", "cc"], ["a"]]),
        ({"batch_size": 2, "longest_first": True}, [["bbb"], ["cc", "a"]]),
        ({}, [["a", "bbb", "cc"]]),
    ],
)
def test_items_are_dealt_by_rounds_or_by_their_bytes(changes, batches):
    items = [(word,) for word in ("a", "bbb", "cc")]

    batched = plan_of(**changes).in_batches(items)

    assert [[word for (word,) in batch] for batch in batched] == batches
    assert plan_of(**changes).in_batches([]) == []


def test_no_period_of_the_list_meets_that_of_the_rounds():
    items = [n % 8 == 0 for n in range(800)]
    heavy = [sum(batch) for batch in plan_of(batch_size=100).in_batches(items)]
    assert sum(heavy) == 100
    assert max(heavy) <= 25  # dealt in turn, one batch would hold all 100


def test_the_model_predicts_the_batches_that_are_run():
    for count, size in ((7, 3), (200, 12), (1000, 125)):
        run = plan_of(batch_size=size).in_batches(range(count))
        predicted = [batch[batch >= 0].tolist() for batch in dealt(count, len(run))]
        assert predicted == run


@pytest.mark.parametrize("kind", [None, "thread"])
def test_an_item_that_fails_is_named_with_its_error_after_the_others_have_run(kind):
    step = Step(plan_of(workers=2, worker_kind=kind), None, {}, {})

    outcomes = step.run([(place, f"n{place}", place) for place in range(4)])

    assert [one.values for one in outcomes] == [
        {"result": -6.0},
        {"result": -12.0},
        {},
        {"result": 12.0},
    ]
    with pytest.raises(dg.Failure, match=r"1 of 4 items .* n2: ZeroDivisionError") as caught:
        raise_failures(outcomes)
    assert "in halve" in str(caught.value.metadata["n2"].value)


def test_an_item_that_asks_for_a_retry_gives_the_step_one():
    with pytest.raises(dg.RetryRequested):
        Step(plan_of(), None, {}, {}).run([(0, "n0", 9)])


def test_config_of_several_mapped_ops_goes_to_the_one_that_runs_them():
    plan = plan_of(
        chain={"load": {}, "one.label": {}},
        configured=["load", "one.label"],
        batched="load_and_one_label",
        path=["outer"],
    )
    ops = {
        "load": {"config": 1},
        "one": {"ops": {"label": {"config": 2}}},
        "gather": {"config": 3},
    }

    config = run_config_of([plan], {"ops": {"outer": {"ops": ops}}, "execution": {}})

    merged = {"load_and_one_label": {"config": {"load": 1, "one_label": 2}}}
    assert config == {"ops": {"outer": {"ops": {**merged, "gather": {"config": 3}}}}}


def test_the_batched_job_carries_the_name_of_the_function_and_gives_the_results():
    @dg.op
    def plus(number, context_free=1):
        return number + context_free

    @dg.job
    def adding_job():
        gather(split().map(plus).collect())

    plan = plan_of(
        graph=adding_job.graph,
        chain={"plus": {"number": ("split", "result")}},
        fixed={"plus": {"context_free": "context_free"}},
        results={"result": ("plus", "result")},
        batched="plus",
        batch_size=3,
    )

    @batched_job([plan], adding_job, executor_def=dg.in_process_executor, description="why")
    def adding_in_batches():
        pass

    assert (adding_in_batches.name, adding_in_batches.description) == ("adding_in_batches", "why")
    result = adding_in_batches.execute_in_process()
    assert result.output_for_node("gather") == [1, 2, 3, 4]
    steps = {event.step_key for event in result.all_events if event.is_step_success}
    assert steps == {"split", "plus[batch_0]", "plus[batch_1]", "gather"}


class Attached(dg.ConfigurableResource, dg.IAttachDifferentObjectToOpContext):
    def get_object_to_set_on_execution_context(self) -> str:
        return "another"


@dg.op
def asking(number, attached: Attached):
    return number, attached


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        (dg.configured(halve, name="fixed_halve")({}), "fixed_halve cannot be called .*configured"),
        (asking, "asking takes the resource attached .*required_resource_keys"),
    ],
    ids=["configured", "attached"],
)
def test_an_op_that_only_a_step_of_its_own_can_run_is_refused_with_the_way_out(definition, words):
    with pytest.raises(TypeError, match=words):
        list(events_of(definition, None, {"number": 1}))


def test_what_is_read_back_of_dagster_is_there():
    for owner, names in READ_BACK.items():
        assert [name for name in names.split() if not hasattr(owner, name)] == []


def test_the_copied_modules_import_the_standard_library_and_dagster_alone():
    batching, rewiring = (
        {
            (getattr(node, "module", None), name.name)
            for node in ast.parse((ROOM / "runtime" / f"{module}.py").read_text()).body
            if isinstance(node, (ast.Import, ast.ImportFrom))
            for name in node.names
        }
        for module in ("batching", "rewiring")
    )

    own = "advisor.emit.runtime.batching"
    assert {entry for entry in rewiring if entry[0] != own} <= batching  # it is copied after it
    assert not {name for module, name in batching if "advisor" in (module or name)}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("async", "dagster-yaml")])
def test_emitted_code_uses_public_names_of_dagster_alone(kind):
    way = Candidate(
        "execute_job", "in_process", batch_size=2, workers_in_op=2, worker_kind="process"
    )
    if kind in ("python", "environments", "run-config"):
        way = Candidate("execute_job", "multiprocess", "spawn", depth_first=True)

    sizing = StepSizing(cpu=0.5, peak_bytes=200 << 20)
    described = describe_job("emit_chain_job", "chain_job")
    source = emit(kind, request_for(described, way, sizing=sizing))

    assert [name for name in PRIVATE if name in source] == []

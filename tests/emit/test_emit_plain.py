"""The short form gives what the original job gives, and is chosen for plain jobs alone."""

from __future__ import annotations

import ast
import importlib
import itertools
from dataclasses import replace

import pytest
from dagster import DagsterInvalidDefinitionError
from emission import (
    describe_job,
    is_plain,
    load_job,
    load_source,
    multiprocess_run,
    request_for,
    ruff_complaints,
)

from advisor.dagster_bridge.plain_ops import with_plain_facts
from advisor.domain.candidate import Candidate
from advisor.emit import emit

BATCHES_3 = Candidate("execute_job", "in_process", batch_size=3)
THREADS_3 = replace(BATCHES_3, workers_in_op=3, worker_kind="thread")
THREADS_ALL = replace(THREADS_3, batch_size=99, workers_in_op=8)
PROCESSES_3 = replace(BATCHES_3, workers_in_op=2, worker_kind="process")
PROCESSES_ALL = replace(PROCESSES_3, batch_size=99)
SEED = ("emit_seed_job", "seed_job")
CHAIN = ("emit_plain_jobs", "long_chain_job")
NOT_PLAIN = [
    f"{name}_job"
    for name in (
        *("context", "config", "config_schema", "resource", "async", "yielding", "output"),
        *("retry_requested", "retrying", "tagged_op", "pooled", "default_input", "wrapped"),
        *("placed_tag", "placed_retry", "placed_hook", "hooked", "tagged", "job_retry"),
        *("io_manager", "hidden_op", "twofold", "ordered", "nested_graph", "optional"),
        *("fan_out_collected", "op_config", "partitioned", "run_tagged", "noted", "logged"),
    )
]
NOTHING = ("emit_plain_jobs", "nothing_job")


def plain_source(module, attribute, candidate):
    source = emit("batch", request_for(describe_job(module, attribute, plain=True), candidate))
    assert is_plain(source)
    return source


def plain_job(module, attribute, candidate, folder):
    source = plain_source(module, attribute, candidate)
    loaded = load_source(source, f"plain_{attribute}", folder)
    return getattr(loaded, f"{attribute}_batched")


@pytest.mark.parametrize(
    "candidate", [BATCHES_3, THREADS_3, THREADS_ALL], ids=["batches", "threads", "one step"]
)
@pytest.mark.parametrize(
    ("module", "attribute", "last"),
    [(*SEED, "merge"), (*CHAIN, "together"), (*CHAIN, "merge"), (*NOTHING, "merge")],
)
def test_results_equal_the_original_jobs(module, attribute, last, candidate, tmp_path):
    original = load_job(module, attribute).execute_in_process()
    batched = plain_job(module, attribute, candidate, tmp_path)

    result = batched.execute_in_process()

    assert result.output_for_node(last) == original.output_for_node(last)


@pytest.mark.parametrize("candidate", [PROCESSES_3, PROCESSES_ALL], ids=["batches", "one step"])
def test_worker_processes_give_the_same_results(candidate, tmp_path):
    batched = plain_job(*SEED, candidate, tmp_path)

    assert batched.execute_in_process().output_for_node("merge") == list(range(0, 70, 10))


def test_a_multiprocess_run_gives_the_same_results(tmp_path):
    candidate = replace(
        THREADS_3,
        executor="multiprocess",
        start_method="forkserver",
        preload_modules=("emit_plain_jobs", "sqlalchemy"),
        max_concurrent=2,
    )
    original = load_job(*CHAIN).execute_in_process()
    batched = plain_job(*CHAIN, candidate, tmp_path)

    output, _ = multiprocess_run(batched, "together", tmp_path)

    assert output == original.output_for_node("together")


@pytest.mark.parametrize("candidate", [THREADS_ALL, replace(BATCHES_3, batch_size=9)])
def test_a_failing_item_is_named_by_its_key_and_the_others_run(candidate, tmp_path):
    module = importlib.import_module("emit_plain_jobs")
    module.RAN.clear()
    batched = plain_job("emit_plain_jobs", "inverting_job", candidate, tmp_path)

    result = batched.execute_in_process(raise_on_error=False)

    failure = next(event for event in result.all_events if event.is_step_failure)
    data = failure.step_failure_data.user_failure_data
    assert not result.success
    assert "1 of 4 items of this step failed: n1: ZeroDivisionError" in data.description
    assert "in invert" in data.metadata["n1"].value
    assert sorted(module.RAN) == [0, 1, 2, 3]


def test_the_short_form_is_short():
    assert len(plain_source(*SEED, THREADS_ALL).splitlines()) <= 75


@pytest.mark.parametrize("attribute", NOT_PLAIN)
def test_a_job_that_is_not_plain_keeps_the_form_that_fits_every_job(attribute):
    description = describe_job("emit_plain_jobs", attribute, plain=True)

    assert not is_plain(emit("batch", request_for(description, THREADS_ALL)))
    assert not is_plain(emit("batch", request_for(description, BATCHES_3)))


def test_an_op_that_collects_need_not_be_plain_where_nothing_is_dynamic(tmp_path):
    target = ("emit_plain_jobs", "twofold_collect_job")
    original = load_job(*target).execute_in_process()
    in_batches = emit("batch", request_for(describe_job(*target, plain=True), BATCHES_3))

    result = plain_job(*target, THREADS_ALL, tmp_path).execute_in_process()

    assert not is_plain(in_batches)
    assert result.output_for_node("double_and_count", "counted") == 4
    for output in ("listed", "counted"):
        expected = original.output_for_node("double_and_count", output)
        assert result.output_for_node("double_and_count", output) == expected


# --- names


def identifiers(source):
    """All names that the module's code uses or makes."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.FunctionDef):
            found.add(node.name)
    return found


JOB_OF_ONE_WORD = """
import dagster as d


@d.op(name="{name}")
def {variable}():
    return 7


@d.op(out=d.DynamicOut())
def cut({input}):
    return [d.DynamicOutput({input} * n, mapping_key=f"n{{n}}") for n in (0, 1, 2, 3)]


@d.op
def work(part, {fixed}):
    return part + {fixed}


@d.op
def gather({input}):
    return {input}


@d.job
def word_job():
    loaded = {variable}()
    gather(cut(loaded).map(lambda part: work(part, loaded)).collect())
"""


@pytest.mark.parametrize("role", ["variable", "fixed", "input"])
def test_no_name_of_the_users_hides_one_that_the_module_needs(role, tmp_path):
    words = identifiers(plain_source(*CHAIN, THREADS_3)) - {"_"}
    assert {"items", "results", "job", "len", "call_scale"} <= words
    ran = 0
    for word in sorted(words):
        name = f"word_{role}_{word}"
        names = {"variable": "load", "fixed": "extra", "input": "base", role: word}
        try:
            load_source(JOB_OF_ONE_WORD.format(**names, name=f"{word}_op"), name, tmp_path)
        except DagsterInvalidDefinitionError:
            continue  # Dagster refuses some names
        source = emit("batch", request_for(describe_job(name, "word_job", plain=True), THREADS_3))
        if is_plain(source):
            ran += 1
            emitted = load_source(source, f"{name}_emitted", tmp_path)
            result = emitted.word_job_batched.execute_in_process()
            assert result.output_for_node("gather") == [7, 14, 21, 28], word
    assert ran > 5


@pytest.mark.parametrize(
    ("node", "variable"),
    [
        ("process", ""),
        ("process", "class"),
        ("process", "a b"),
        ("process", "x\nimport os"),
        ("process", "é"),
        ("process", "items"),
        ("split", "call_process"),
    ],
)
def test_a_name_that_is_not_fit_for_the_short_form_is_not_written(node, variable):
    described = describe_job(*SEED, plain=True)
    nodes = tuple(
        replace(each, variable=variable) if each.name == node else each for each in described.graph
    )

    source = emit("batch", request_for(replace(described, graph=nodes), THREADS_ALL))

    assert [each.variable for each in described.graph] == ["split", "process", "merge"]
    assert not is_plain(source)
    assert ast.parse(source)


def test_an_item_of_a_multi_core_op_in_processes_keeps_the_form_that_limits_threads():
    request = request_for(describe_job(*SEED, plain=True), PROCESSES_ALL)
    advice = request.advice
    threaded = replace(
        request, advice=replace(advice, workload=replace(advice.workload, cpu_s=4 * 0.501))
    )

    assert is_plain(emit("workers", request))
    assert "THREADS_OF_A_WORKER" in emit("workers", threaded)


def test_the_executor_is_imported_from_its_own_package():
    in_containers = replace(THREADS_ALL, executor="docker", worker_kind="thread")

    source = emit("batch", request_for(describe_job(*SEED, plain=True), in_containers))

    assert is_plain(source)
    assert "from dagster_docker import docker_executor\n" in source


def test_facts_are_read_of_the_module_that_holds_the_ops():
    described = describe_job(*SEED)
    job = load_job(*SEED)

    found = with_plain_facts(described.graph, job, importlib.import_module("emit_chain_job"))

    assert found == described.graph


def with_longer_names(nodes, extra):
    """The nodes with this many more letters in each name."""

    def longer(name):
        return name + "x" * extra

    return tuple(
        replace(
            node,
            name=longer(node.name),
            variable=longer(node.variable),
            inputs=tuple(map(longer, node.inputs)),
            wires=tuple(
                replace(
                    wire,
                    input=longer(wire.input),
                    sources=tuple((longer(name), output) for name, output in wire.sources),
                )
                for wire in node.wires
            ),
        )
        for node in nodes
    )


TARGETS = [
    (target, candidate)
    for target, candidate in itertools.product(
        (SEED, CHAIN), (BATCHES_3, THREADS_3, THREADS_ALL, PROCESSES_ALL)
    )
    if (target, candidate) != (CHAIN, PROCESSES_ALL)  # fixed inputs would be pickled per item
]


def emitted_with_longer_names(target, candidate, extra):
    described = describe_job(*target, plain=True)
    node = described.fan_out.name + "x" * extra
    described = replace(
        described,
        graph=with_longer_names(described.graph, extra),
        fan_out=replace(described.fan_out, name=node, node_path=(node,)),
    )
    return emit("batch", request_for(described, candidate))


def test_names_of_usual_lengths_leave_the_code_as_ruff_formats_it(tmp_path):
    for number, (target, candidate) in enumerate(TARGETS):
        for extra in range(13):
            source = emitted_with_longer_names(target, candidate, extra)
            (tmp_path / f"emitted_{number}_{extra}.py").write_text(source, encoding="utf-8")

    assert not ruff_complaints(tmp_path)


@pytest.mark.parametrize("extra", [0, 20, 40, 80])
@pytest.mark.parametrize(("target", "candidate"), TARGETS)
def test_the_shape_of_a_job_decides_on_the_short_form_and_not_the_length_of_its_names(
    target, candidate, extra
):
    source = emitted_with_longer_names(target, candidate, extra)

    assert is_plain(source)
    assert ast.parse(source)

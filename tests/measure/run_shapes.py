"""Jobs whose ops ask for what surrounds them in a run."""

import functools
import multiprocessing
import time
from datetime import datetime

import dagster as dg

DAYS = dg.StaticPartitionsDefinition(["mon", "tue"])
GRID = dg.MultiPartitionsDefinition({"day": DAYS, "city": dg.StaticPartitionsDefinition(["rome"])})


@dg.op(out=dg.DynamicOut(int))
def two():
    """Fan out."""
    for n in range(2):
        yield dg.DynamicOutput(n, mapping_key=f"n{n}")


@dg.success_hook(required_resource_keys={"rate"})
def announce(context: dg.HookContext) -> None:
    """A hook that takes its time, and asks for what surrounds it."""
    time.sleep(context.resources.rate)
    told = context.run_id, context.job_name, context.step_key, context.op.name
    ANNOUNCED.append((*told[1:], context.op_output_values["result"], len(told[0])))


@dg.failure_hook
def alarm(context: dg.HookContext) -> None:
    """Never called where all succeeds."""
    ANNOUNCED.append(context.step_key)


@dg.success_hook
def broken_hook(_context: dg.HookContext) -> None:
    """A run goes on after it."""
    raise OSError


ANNOUNCED: list[object] = []


@dg.op
def plus_one(n: int) -> int:
    """Has hooks."""
    return n + 1


@dg.job(
    hooks={announce, alarm}, resource_defs={"rate": dg.ResourceDefinition.hardcoded_resource(0.1)}
)
def announced():
    """Its hooks are called in every step."""
    two().map(plus_one.with_hooks({broken_hook}))


@dg.op
def key_of(context: dg.OpExecutionContext, n: int) -> str:
    """What a run of one partition knows."""
    tag = context.get_tag("dagster/partition")
    return f"{context.partition_key} {tag} {context.get_mapping_key()} {n}"


@dg.op
def place_of(context: dg.OpExecutionContext, n: int) -> str:
    """Where it stands in the job, and for what part of it the run is."""
    part = f"{sorted(context.selected_output_names)} {context.has_partitions}"
    return f"{context.op.name} {context.node_handle} {context.job_name} {n} {part}"


@dg.job
def placed():
    """Asks for its place."""
    two().map(place_of.alias("here"))


@dg.job(partitions_def=DAYS, tags={"team": "a"})
def by_key():
    """Partitioned."""
    two().map(key_of)


@dg.op
def join(v: list) -> list:
    """Collect."""
    return v


@dg.graph_asset(partitions_def=DAYS)
def rows():
    """Partitioned, and an asset."""
    return join(two().map(key_of).collect())


@dg.op
def cell_of(context: dg.OpExecutionContext, n: int) -> str:
    """A partition of two dimensions."""
    return f"{sorted(context.partition_key.keys_by_dimension.items())} {n}"


@dg.job(partitions_def=GRID)
def by_cell():
    """Partitioned twice."""
    two().map(cell_of)


@dg.op
def day_of(context: dg.OpExecutionContext, n: int) -> str:
    """A window of time."""
    return f"{context.partition_time_window.start:%Y-%m-%d} {n}"


@dg.job(
    partitions_def=dg.DailyPartitionsDefinition(
        start_date=datetime(2024, 1, 1), end_date=datetime(2024, 1, 4)
    )
)
def by_day():
    """Partitioned by day."""
    two().map(day_of)


@dg.op(config_schema={"region": str})
def config_of(context: dg.OpExecutionContext, n: int) -> str:
    """Config that the partition gives."""
    whole = context.run_config["ops"]["config_of"]["config"]["region"]
    return f"{context.op_config['region']} {whole} {n}"


@dg.static_partitioned_config(["eu", "us"])
def of_region(key: str):
    """Run config of a partition."""
    return {"ops": {"config_of": {"config": {"region": key}}}}


@dg.job(config=of_region)
def by_region():
    """Configured by partition."""
    two().map(config_of)


@dg.op
def has_shop(context: dg.OpExecutionContext, n: int) -> str:
    """Asks the instance for a dynamic partition."""
    return f"{context.instance.has_dynamic_partition('shops', 'north')} {n}"


@dg.job(partitions_def=dg.DynamicPartitionsDefinition(name="shops"))
def by_shop():
    """Its partitions are in the instance."""
    two().map(key_of)


@dg.job(
    partitions_def=dg.MultiPartitionsDefinition(
        {"day": DAYS, "shop": dg.DynamicPartitionsDefinition(name="shops")}
    )
)
def by_shop_and_day():
    """One of its dimensions is in the instance."""
    two().map(has_shop)


@dg.op(out=dg.DynamicOut(int))
def tagging(context: dg.OpExecutionContext):
    """Tags its run through the instance."""
    context.instance.add_run_tags(context.run_id, {"items": "2"})
    yield from two()


@dg.op
def tag_of(context: dg.OpExecutionContext, n: int) -> str:
    """Looks its run up."""
    run = context.instance.get_run_by_id(context.run_id)
    return f"{run.tags['items']} {run.tags['team']} {run.job_name} {run.status.value} {n}"


@dg.job(tags={"team": "a"})
def looked_up():
    """Its run is looked up."""
    tagging().map(tag_of)


# --- graph inputs and whole run config ---


class Db(dg.ConfigurableResource):
    """Configured by the run."""

    url: str


@dg.op(config_schema={"n": int}, out=dg.DynamicOut(int))
def count_from(context: dg.OpExecutionContext, start: int):
    """Fan out."""
    for i in range(context.op_config["n"]):
        yield dg.DynamicOutput(start + i, mapping_key=f"k{i}")


@dg.op
def tenfold(start: int) -> int:
    """Upstream."""
    return start * 10


@dg.op(config_schema={"times": int})
def multiply(context: dg.OpExecutionContext, n: int, db: Db) -> str:
    """Mapped."""
    return f"{n * context.op_config['times']} {db.url}"


@dg.op(config_schema={"to": str})
def send(context: dg.OpExecutionContext, values: list, mail: str) -> str:
    """Downstream, with config and an input of its own."""
    return f"{context.op_config['to']} {mail} {values}"


@dg.graph
def flow(start: int, mail: str):
    """Two inputs, one of them for what is downstream."""
    send(count_from(tenfold(start)).map(multiply).collect(), mail)


WHOLE = {
    "inputs": {"start": {"value": 3}, "mail": {"value": "me"}},
    "ops": {
        "count_from": {"config": {"n": 2}},
        "multiply": {"config": {"times": 2}},
        "send": {"config": {"to": "you"}},
    },
    "resources": {"db": {"config": {"url": "here"}}},
}


@dg.config_mapping(config_schema={"size": int})
def by_size(value):
    """A simpler config."""
    return {**WHOLE, "ops": {**WHOLE["ops"], "count_from": {"config": {"n": value["size"]}}}}


_DB = {"db": Db.configure_at_launch()}
plain_flow = flow.to_job("plain_flow", resource_defs=_DB)
own_flow = flow.to_job("own_flow", resource_defs=_DB, config=WHOLE)
mapped_flow = flow.to_job("mapped_flow", resource_defs=_DB, config=by_size)

defs = dg.Definitions(jobs=[plain_flow, own_flow, mapped_flow], executor=dg.in_process_executor)


# --- branches ---


@dg.op(out=dg.DynamicOut(int))
def five():
    """Fan out."""
    for n in range(5):
        yield dg.DynamicOutput(n, mapping_key=f"n{n}")


@dg.op(out={"even": dg.Out(is_required=False), "odd": dg.Out(is_required=False)})
def sort(n: int):
    """Gives one of two outputs, and for 4 none."""
    if n < 4:
        yield dg.Output(n, output_name="odd" if n % 2 else "even")


@dg.op
def on_even(n):
    """One branch."""
    return ("even", n)


@dg.op
def on_odd(n):
    """The other."""
    return ("odd", n)


@dg.op
def after_odd(given):
    """What follows a branch."""
    return (*given, "after")


@dg.graph(out={"evens": dg.GraphOut(), "odds": dg.GraphOut()})
def either_way(n):
    """Two ends."""
    even, odd = sort(n)
    return {"evens": on_even(even), "odds": after_odd(on_odd(odd))}


@dg.op
def both(evens: list, odds: list):
    """Collect each branch by itself."""
    return [*evens, *odds]


@dg.job
def branches():
    """Items take one of two branches, or none."""
    evens, odds = five().map(either_way)
    both(evens.collect(), odds.collect())


# --- outputs that are returned, without their names ---


@dg.op(out={"rows": dg.DynamicOut(int), "count": dg.Out(int)})
def rows_and_count():
    """All outputs at once."""
    return [dg.DynamicOutput(n, mapping_key=f"n{n}") for n in (3, 4)], 2


@dg.op(out={"half": dg.Out(), "rest": dg.Out()})
def divided(n: int):
    """Objects that do not name their outputs."""
    return dg.Output(n // 2, metadata={"of": n}), dg.Output(n % 2)


@dg.op(out={"sum": dg.Out(int)})
def summed(half: int, rest: int, count: int):
    """The same of one output."""
    return dg.Output(half + rest + count)


def announced_to(function):
    """A decorator of the user's."""

    @functools.wraps(function)
    def call(*arguments, **keywords):
        return function(*arguments, **keywords)

    return call


@dg.op
@announced_to
def yielding_below(n: int):
    """A generator below a decorator."""
    yield dg.Output(n * 10)


@dg.job
def unnamed():
    """A chain of these."""
    rows, count = rows_and_count()

    def of_a_row(row):
        half, rest = divided(row)
        return yielding_below(summed(half, rest, count))

    rows.map(of_a_row)


# --- resources that ask for the run ---


class Session(dg.ConfigurableResource):
    """Named by the run that it is for."""

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """As a client that tells whose requests these are."""
        self._name = f"{context.run.job_name} {context.run.tags['team']} {len(context.run_id)}"

    def name(self) -> str:
        """What it was set up with."""
        return self._name


@dg.op
def asks_in_session(n: int, asked: Session) -> str:
    """Uses it."""
    return f"{asked.name()} {n}"


@dg.job(resource_defs={"asked": Session()}, tags={"team": "a"})
def in_sessions():
    """Two items."""
    two().map(asks_in_session)


# --- graphs in a graph that is mapped ---


@dg.op
def times_ten(n: int) -> int:
    """The first of two."""
    return n * 10


@dg.op
def and_itself(tens: int, ones: int) -> int:
    """Takes what the other gave, and the item, under another name than the other."""
    return tens + ones


@dg.graph
def elevenfold(n):
    """Both."""
    return and_itself(times_ten(n), n)


@dg.graph
def twice_elevenfold(n):
    """The one that comes first in the alphabet of handles is called last."""
    return elevenfold.alias("after")(elevenfold.alias("before")(n))


@dg.job
def graphs_in_a_graph():
    """Two items."""
    two().map(twice_elevenfold)


# --- one op that fans out twice ---


@dg.op(out={"odd": dg.DynamicOut(int), "even": dg.DynamicOut(int)})
def by_parity():
    """Five items of two kinds."""
    for n in range(5):
        yield dg.DynamicOutput(n, f"n{n}", "odd" if n % 2 else "even")


@dg.op
def of_odd(n: int) -> str:
    """Never called with another."""
    return f"odd {n}" if n % 2 else "wrong"


@dg.op
def of_even(n: int) -> str:
    """The same."""
    return "wrong" if n % 2 else f"even {n}"


@dg.op
def of_both(odd: list[str], even: list[str]) -> list[str]:
    """Collects all."""
    return odd + even


@dg.op
def of_one(values: list[str]) -> list[str]:
    """Collects the items of one kind."""
    return values


@dg.job
def by_kind():
    """Two kinds of items, out of one op."""
    odd, even = by_parity()
    odds = odd.map(of_odd).collect()
    of_one(odds)
    of_both(odds, even.map(of_even).collect())


# --- what Dagster records for an op ---


@dg.success_hook
def on_success(_context):
    """Called by a run."""


@dg.op
def silent(n: int) -> int:
    """Nothing beside its step's own events."""
    return n


@dg.op
def logging_events(context: dg.OpExecutionContext, n: int) -> int:
    """Through the context."""
    context.log_event(dg.AssetMaterialization(asset_key="a"))
    context.log_event(dg.AssetObservation(asset_key="a"))
    context.log_event(dg.ExpectationResult(success=True))
    return n


@dg.op
def yielding_events(n: int):
    """Beside its output."""
    yield dg.AssetMaterialization(asset_key="b")
    yield dg.AssetMaterialization(asset_key="c")
    yield dg.Output(n, metadata={"n": n})


@dg.op(out={"a": dg.Out(), "b": dg.Out(), "c": dg.Out()})
def giving_three(n: int):
    """Each output is given and stored."""
    return n, n, n


@dg.job
def recorded():
    """Events of every kind."""
    items = two()
    items.map(silent)
    items.map(logging_events)
    items.map(yielding_events)
    items.map(giving_three)
    items.map(silent.alias("hooked").with_hooks({on_success}))


@dg.op
def three_lines(context: dg.OpExecutionContext, n: int) -> int:
    """Logs through the context."""
    context.log.debug("one")
    context.log.info("two")
    context.log.warning("three")
    return n


@dg.job
def by_line():
    """Logs."""
    two().map(three_lines)


# --- retries ---


@dg.op(retry_policy=dg.RetryPolicy(max_retries=2, delay=100))
def fails_once(context: dg.OpExecutionContext, n: int) -> str:
    """Fails now and then."""
    if n == 1 and context.retry_number == 0:
        raise ConnectionError("again, please")
    return f"{n} after {context.retry_number}"


@dg.op
def asks_again(context: dg.OpExecutionContext, given: str) -> str:
    """Asks for a retry itself."""
    if context.retry_number < 2:
        raise dg.RetryRequested(max_retries=2)
    return f"{given}, {context.retry_number}"


@dg.job
def retried():
    """Works at a retry."""
    two().map(lambda n: asks_again(fails_once(n)))


@dg.op
def fails(n: int):
    """At every attempt that the job's policy allows."""
    raise ValueError(n)


@dg.op(retry_policy=dg.RetryPolicy(max_retries=5))
def gives_up(n: int):
    """Says that no retry helps."""
    raise dg.Failure(str(n), allow_retries=False)


@dg.job(op_retry_policy=dg.RetryPolicy(max_retries=1))
def failing():
    """Does not work."""
    items = two()
    items.map(fails)
    items.map(gives_up)


# --- resources ---

STARTED: list[str] = []


class Counted(dg.ConfigurableResource):
    """Tells when it is started and ended."""

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Started."""
        STARTED.append("start")

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Ended."""
        STARTED.append("end")


@dg.op
def with_resource(n: int, counted: Counted) -> int:
    """Uses it."""
    return n


@dg.job(resource_defs={"counted": Counted()})
def resourceful():
    """Its mapped op alone needs a resource."""
    two().map(with_resource)


# --- processes ---


@dg.op
def leaves_a_process(n: int) -> int:
    """Joins nothing."""
    multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,)).start()
    return n


@dg.op
def joins_its_process(n: int) -> int:
    """As it should be."""
    process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(0.01,))
    process.start()
    process.join()
    return n


@dg.job
def with_processes():
    """One op leaves a process."""
    two().map(lambda n: joins_its_process(leaves_a_process(n)))

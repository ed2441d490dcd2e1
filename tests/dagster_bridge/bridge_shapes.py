"""Jobs of every shape that users write: material for the tests of this room."""

import asyncio
from collections.abc import Iterator

from dagster import (
    AssetsDefinition,
    Config,
    ConfigurableResource,
    DynamicOut,
    DynamicOutput,
    Field,
    FilesystemIOManager,
    GraphOut,
    In,
    IOManager,
    JobDefinition,
    Nothing,
    Out,
    Output,
    RetryPolicy,
    asset,
    configured,
    define_asset_job,
    graph,
    graph_asset,
    in_process_executor,
    io_manager,
    job,
    mem_io_manager,
    multi_or_in_process_executor,
    multiprocess_executor,
    op,
    resource,
)

STARTED: list[str] = []
ENDED: list[str] = []
CALLED: list[str] = []

FACTOR = 10


def times(value: int) -> int:
    """What an op calls in the same file."""
    return value * FACTOR


@op(out=DynamicOut(int))
def three() -> Iterator[DynamicOutput[int]]:
    """Fan out to three."""
    CALLED.append("three")
    for number in range(3):
        yield DynamicOutput(number, mapping_key=f"k{number}")


@op(out=DynamicOut(int))
def returned_list(start: int) -> list[DynamicOutput[int]]:
    """Fan out by returning a list."""
    return [DynamicOutput(start + number, mapping_key=str(number)) for number in range(2)]


@op
def first_number() -> int:
    """Upstream of a fan-out."""
    CALLED.append("first_number")
    return 100


@op
def offset() -> int:
    """The same for every item."""
    CALLED.append("offset")
    return 7


@op
def double(value: int) -> int:
    """An op of a chain."""
    # a comment that a hash must not see
    CALLED.append("double")
    return times(value) // FACTOR * 2


@op
def add(value: int, extra: int) -> int:
    """An op with two inputs."""
    CALLED.append("add")
    return value + extra


@op
def total(values: list[int]) -> int:
    """Collect."""
    CALLED.append("total")
    return sum(values)


@op
def aside() -> int:
    """A further plain step."""
    return 0


@job
def chain_job():
    """Two mapped ops, a fixed input, a plain step beside."""
    extra = offset()
    total(three().map(double).map(lambda value: add(value, extra)).collect())
    aside()


@job
def composed_job():
    """The same chain in one lambda, fan-out with something upstream."""
    extra = offset()
    total(returned_list(first_number()).map(lambda value: add(double(value), extra)).collect())


@graph
def inner(value: int) -> int:
    """A graph that is mapped as one."""
    return double(double(value))


@graph
def whole() -> int:
    """A graph that holds fan-out, mapped graph and collect."""
    return total(three().map(inner).collect())


@job
def nested_job():
    """All of it one level down."""
    whole()


@op
def both(value: int, again: int) -> int:
    """Needs the item and what another op made of it."""
    return value + again


@job
def branching_job():
    """A mapped op with two inputs that change with the item."""
    total(three().map(lambda value: both(value, double(value))).collect())


@job
def two_fan_outs_job():
    """One fan-out feeds the other's fixed input."""
    extra = total(three().map(double).collect())
    other = three.alias("other_three")()
    total.alias("other_total")(other.map(lambda value: add(value, extra)).collect())


@job
def config_input_job():
    """The fixed input comes from run config."""
    three().map(add)


@op
def lone(value: int, power: int = 2) -> int:
    """No job uses it."""
    return value**power


@op
def add_alone(value: int, extra: int) -> int:
    """No job uses it, and it needs both inputs."""
    return value + extra


@op
def with_default(value: int, power: int = 3) -> int:
    """The second input has a default."""
    return value**power


@job
def default_input_job():
    """The second input is left to its default."""
    three().map(with_default)


@job
def plain_job():
    """No dynamic output."""
    double(first_number())


@job
def unmapped_job():
    """A dynamic output that only is collected."""
    total(three().collect())


# --- ops of all kinds ---


class Database(ConfigurableResource):
    """A pythonic resource with a life cycle."""

    url: str

    def setup_for_execution(self, context) -> None:
        STARTED.append(self.url)

    def teardown_after_execution(self, context) -> None:
        ENDED.append(self.url)


class Service(ConfigurableResource):
    """A resource that needs another."""

    database: Database
    name: str = "service"


@resource(config_schema={"size": int})
def pool_of_five(context):
    """An older resource, a generator."""
    STARTED.append("pool")
    yield {"size": context.resource_config["size"]}
    ENDED.append("pool")


class Settings(Config):
    """Pythonic op config."""

    power: int = 2
    label: str


@op(required_resource_keys={"pool"}, pool="db", retry_policy=RetryPolicy(max_retries=1))
def with_pool(context, value: int) -> str:
    """Needs an older resource."""
    return f"{context.resources.pool['size']} {value}"


@op
def with_service(value: int, service: Service) -> str:
    """Needs a pythonic resource, which needs another."""
    return f"{service.name} {service.database.url} {value}"


@op
def with_settings(value: int, config: Settings) -> str:
    """Needs pythonic config."""
    return f"{config.label} {value**config.power}"


@op(config_schema={"base": int, "more": Field(int, default_value=5)})
def with_config(context, value: int) -> int:
    """Needs old config, one field with a default."""
    return context.op_config["base"] + context.op_config["more"] + value


fixed_config = with_config.configured({"base": 1000}, name="fixed_config")


@configured(with_config, config_schema={"tens": int})
def mapped_config(config):
    """The same op, with config of its own that is turned into the op's."""
    return {"base": config["tens"] * 10}


@op(out={"low": Out(int), "high": Out(int)})
def yields(context, value: int):
    """A generator with two outputs."""
    yield Output(value - 1, output_name="low")
    yield Output(value + 1, output_name="high")


@op(out={"low": Out(int), "high": Out(int)})
def returns_two(value: int):
    """Two outputs by return."""
    return value - 1, value + 1


@op
async def awaits(value: int) -> int:
    """A coroutine."""
    await asyncio.sleep(0.01)
    return value + 1


@op
async def awaits_and_yields(value: int):
    """An asynchronous generator."""
    await asyncio.sleep(0.01)
    yield Output(value + 2)


@op(ins={"after": In(Nothing)})
def waits_for(context, value: int) -> Output[str]:
    """A Nothing input, the mapping key, an Output with metadata."""
    return Output(f"{context.get_mapping_key()} {value}", metadata={"seen": value})


@op
def asks_its_run(context, value: int) -> str:
    """Asks about its run."""
    known = bool(context.run_id) and context.run.run_id == context.dagster_run.run_id
    return f"{context.job_name} {known} {context.retry_number} {context.op_def.name}"


@job(
    resource_defs={
        "service": Service(database=Database(url="db://here")),
        "pool": pool_of_five,
    }
)
def kinds_job():
    """Every kind of op, each mapped."""
    items = three()
    done = first_number()
    items.map(with_pool)
    items.map(with_service)
    items.map(with_settings)
    items.map(asks_its_run)
    items.map(with_config)
    items.map(fixed_config)
    items.map(mapped_config)
    items.map(yields)
    items.map(returns_two)
    items.map(awaits)
    items.map(awaits_and_yields)
    items.map(lambda value: waits_for(value, after=done))


# --- executors ---

inline_job = chain_job.graph.to_job("inline_job", executor_def=in_process_executor)
processes_job = chain_job.graph.to_job("processes_job", executor_def=multiprocess_executor)
fixed_job = chain_job.graph.to_job(
    "fixed_job", executor_def=multiprocess_executor.configured({"max_concurrent": 3})
)
fixed_default_job = chain_job.graph.to_job(
    "fixed_default_job",
    executor_def=multi_or_in_process_executor.configured(
        {"multiprocess": {"max_concurrent": 6, "start_method": {"forkserver": {}}}}
    ),
)
preset_job = chain_job.graph.to_job(
    "preset_job",
    config={"execution": {"config": {"multiprocess": {"max_concurrent": 9}}}},
)
in_memory_job = chain_job.graph.to_job(
    "in_memory_job",
    resource_defs={"io_manager": mem_io_manager},
    executor_def=multiprocess_executor,
)


# --- IO managers ---

SHELF: dict[tuple[str, ...], object] = {}


class Shelf(IOManager):
    """A user's own IO manager."""

    def handle_output(self, context, obj) -> None:
        assert context.resources.label == "shelf"
        SHELF[tuple(context.get_identifier())] = obj

    def load_input(self, context):
        return SHELF[tuple(context.upstream_output.get_identifier())]


@resource
def label():
    """What the IO manager needs."""
    return "shelf"


@io_manager(required_resource_keys={"label"})
def shelf(context):
    """The same as a resource."""
    assert context.resources.label == "shelf"
    return Shelf()


shelf_job = chain_job.graph.to_job("shelf_job", resource_defs={"io_manager": shelf, "label": label})
files_job = chain_job.graph.to_job(
    "files_job", resource_defs={"io_manager": FilesystemIOManager(base_dir="/nowhere/at/all")}
)


# --- assets and factories ---


@graph_asset
def counted() -> int:
    """A graph asset."""
    return total(three().map(double).collect())


@asset
def single() -> int:
    """An asset of one step."""
    return 1


@graph(out={"sum_of": GraphOut(), "count_of": GraphOut()})
def pair_graph():
    """Two values of one graph."""
    values = three().map(double)
    return {"sum_of": total(values.collect()), "count_of": total.alias("again")(values.collect())}


pair_assets = AssetsDefinition.from_graph(pair_graph)

asset_job = define_asset_job("asset_job", selection=["counted"])


def make_job() -> JobDefinition:
    """A factory."""
    return chain_job.graph.to_job("made_job")


def decorated_job(name: str = "decorated"):
    """A factory with a default that decorates."""

    @job(name=name)
    def made():
        total(three().map(double).collect())

    return made


def plain_function(text: str, times_over: int = 2) -> str:
    """A plain function."""
    return text * times_over


def sample_texts() -> Iterator[dict[str, object]]:
    """Sample inputs."""
    yield {"text": "a"}
    yield {"text": "b", "times_over": 3}


class Holder:
    """Holds a job out of the module's own names."""

    inside = chain_job


NUMBER = 42

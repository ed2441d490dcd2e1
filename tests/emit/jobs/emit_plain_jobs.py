"""Jobs of plain functions, and jobs that are nearly so: each of these has one thing that is not."""

import functools

from dagster import (
    Config,
    DynamicOut,
    DynamicOutput,
    Field,
    In,
    Nothing,
    Out,
    Output,
    RetryPolicy,
    RetryRequested,
    StaticPartitionsDefinition,
    colored_console_logger,
    fs_io_manager,
    graph,
    job,
    op,
    resource,
    success_hook,
)


@op
def count() -> int:
    return 5


@op(ins={"after": In(Nothing)})
def load_factor():
    return 3


@op(out={"rows": DynamicOut(int)})
def split(number: int):
    for row in range(number):
        yield DynamicOutput(row, mapping_key=f"row_{row}", output_name="rows")


@op
def scale(row: int, factor: int) -> int:
    return row * factor


@op
def describe(value: int) -> str:
    return f"<{value}>"


@op
def join(row: int, text: str, factor: int) -> str:
    return f"{row}{text}{factor}"


@op
def merge(results: list[str], header: int) -> list[str]:
    return [str(header), *results]


@op(out={"first": Out(), "others": Out()})
def publish(merged: list[str], number: int):
    yield Output(merged[0], "first")
    yield Output((number, merged[1:]), "others")


@op
def together(parts: list) -> list:
    return parts


@job
def long_chain_job():
    """A chain whose last op needs the item, a result and a fixed input; an op used twice."""
    number = count()
    factor = load_factor(after=number)
    rows = split(number)

    def of_a_row(row):
        return join(row, describe(scale(row, factor)), factor)

    texts = rows.map(of_a_row).collect()
    merged = merge(texts, number)
    first, others = publish(merged, number)
    again = merge.alias("merge_again")(results=texts, header=count.alias("count_again")())
    together([first, others, again])


@op(out=DynamicOut())
def list_items():
    return [DynamicOutput(number, mapping_key=f"n{number}") for number in range(4)]


@op(out=DynamicOut())
def list_nothing():
    return []


@op
def double(item: int) -> int:
    return item * 2


@op(name="merge")
def keep(results: list[int]) -> list[int]:
    return results


@job(config={"execution": {"config": {"multiprocess": {"max_concurrent": 2}}}})
def nothing_job():
    keep(list_nothing().map(double).collect())


RAN = []


@op
def invert(number):
    RAN.append(number)
    return 1 / (number - 1)


@job
def inverting_job():
    list_items().map(invert)


@op(out={"listed": Out(), "counted": Out()})
def double_and_count(results: list[int]):
    return [2 * result for result in results], len(results)


@job
def twofold_collect_job():
    double_and_count(list_items().map(double).collect())


# --- not plain


@op
def with_context(context, item):
    return f"{context.op.name}{item}"


class Suffix(Config):
    text: str = "!"


@op
def with_config(item, config: Suffix):
    return f"{item}{config.text}"


@op(config_schema={"text": Field(str, default_value="?")})
def with_config_schema(item):
    return item


@resource
def offset():
    return 10


@op(required_resource_keys={"offset"})
def with_resource(item):
    return item


@op
async def waiting(item):
    return item


@op
def yielding(item):
    yield Output(item)


@op
def returning_output(item):
    return as_output(item)


def as_output(item):
    return Output(item, metadata={"seen": True})


@op
def asking_for_retry(item):
    if item > 100:
        raise RetryRequested
    return item


@op(retry_policy=RetryPolicy(max_retries=1))
def retrying(item):
    return item


@op(tags={"team": "sales"})
def tagged(item):
    return item


@op(pool="db")
def pooled(item):
    return item


@op(out={"one": Out(), "two": Out()})
def twofold(item):
    return item, item


@op(ins={"after": In(Nothing)})
def ordered(item):
    return item


@op
def with_default(item, extra: int = 1):
    return item + extra


def logged(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


@op
@logged
def wrapped(item):
    return item


@success_hook
def tell(context):
    pass


def job_of(mapped, name, **settings):
    @job(name=name, **settings)
    def made():
        keep(list_items().map(mapped).collect())

    return made


context_job = job_of(with_context, "context_job")
config_job = job_of(with_config, "config_job")
config_schema_job = job_of(with_config_schema, "config_schema_job")
resource_job = job_of(with_resource, "resource_job", resource_defs={"offset": offset})
async_job = job_of(waiting, "async_job")
yielding_job = job_of(yielding, "yielding_job")
output_job = job_of(returning_output, "output_job")
retry_requested_job = job_of(asking_for_retry, "retry_requested_job")
retrying_job = job_of(retrying, "retrying_job")
tagged_op_job = job_of(tagged, "tagged_op_job")
pooled_job = job_of(pooled, "pooled_job")
default_input_job = job_of(with_default, "default_input_job")
wrapped_job = job_of(wrapped, "wrapped_job")
placed_tag_job = job_of(double.tag({"team": "sales"}), "placed_tag_job")
placed_retry_job = job_of(double.with_retry_policy(RetryPolicy()), "placed_retry_job")
placed_hook_job = job_of(double.with_hooks({tell}), "placed_hook_job")
hooked_job = job_of(double, "hooked_job", hooks={tell})
tagged_job = job_of(double, "tagged_job", tags={"team": "sales"})
run_tagged_job = job_of(double, "run_tagged_job", run_tags={"team": "sales"})
noted_job = job_of(double, "noted_job", metadata={"owner": "sales"})
logged_job = job_of(double, "logged_job", logger_defs={"console": colored_console_logger})
job_retry_job = job_of(double, "job_retry_job", op_retry_policy=RetryPolicy())
op_config_job = job_of(double, "op_config_job", config={"loggers": {}})
partitioned_job = job_of(
    double, "partitioned_job", partitions_def=StaticPartitionsDefinition(["a", "b"])
)
io_manager_job = job_of(double, "io_manager_job", resource_defs={"io_manager": fs_io_manager})


def hidden():
    @op(name="hidden")
    def inner(item):
        return item

    return inner


hidden_op_job = job_of(hidden(), "hidden_op_job")


@job
def twofold_job():
    one, two = list_items().map(twofold)
    keep(one.collect())
    keep.alias("also")(two.collect())


@job
def ordered_job():
    ready = count()
    keep(list_items().map(lambda item: ordered(item, after=ready)).collect())


@graph
def nested(items):
    return keep(items)


@job
def nested_graph_job():
    nested(list_items().map(double).collect())


@op(out=DynamicOut(is_required=False))
def maybe_items():
    yield DynamicOutput(1, mapping_key="only")


@job
def optional_job():
    keep(maybe_items().map(double).collect())


@job
def fan_out_collected_job():
    items = list_items()
    keep(items.map(double).collect())
    together(items.collect())

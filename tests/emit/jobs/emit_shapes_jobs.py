"""Shapes of jobs that people have: what hands items out, configures itself, or runs beside them."""

import asyncio

from dagster import (
    Config,
    ConfigMapping,
    ConfigurableResource,
    DynamicOut,
    DynamicOutput,
    Field,
    GraphOut,
    IAttachDifferentObjectToOpContext,
    Out,
    Output,
    RetryRequested,
    colored_console_logger,
    configured,
    graph,
    job,
    op,
    static_partitioned_config,
)


class Scale(Config):
    factor: int = 2
    shift: int = 5


@op
def count():
    return 5


@op(out=DynamicOut(), config_schema={"step": Field(int, default_value=1)})
def split(context, number):
    for place in range(number):
        yield DynamicOutput(place * context.op_config["step"], mapping_key=f"n{place}")


@op
def scale(value, config: Scale):
    return value * config.factor + config.shift


@op(config_schema={"mark": Field(str, default_value="!"), "end": str})
def label(context, value):
    return f"{value}{context.op_config['mark']}{context.op_config['end']}"


@op
def plus(value, extra: int):
    return value + extra


@op
def invert(value):
    return 12 // (value - 2)


@op
def keep(values):
    return values


@op
def pair(one, other):
    return one, other


# --- graphs that hand their items out


@graph
def cutting(number):
    return split(number)


@graph(
    config=ConfigMapping(
        config_schema={"size": int},
        config_fn=lambda given: {"split": {"config": {"step": given["size"]}}},
    )
)
def cutting_by_size(number):
    return split(number)


@graph(out={"items": GraphOut(), "number": GraphOut()})
def loading():
    number = count()
    return {"items": cutting(number), "number": number}


@job(config={"ops": {"cutting": {"ops": {"split": {"config": {"step": 3}}}}}})
def handing_job():
    keep(cutting(count()).map(scale).collect())


@job(config={"ops": {"cutting_by_size": {"config": {"size": 4}}}})
def handing_by_size_job():
    keep(cutting_by_size(count()).map(scale).collect())


@job(config={"ops": {"loading": {"ops": {"cutting": {"ops": {"split": {"config": {"step": 3}}}}}}}})
def handing_deep_job():
    loaded = loading()
    number = loaded.number
    keep(loaded.items.map(lambda value: plus(value, number)).collect())


@graph
def whole():
    return keep(cutting(count()).map(scale).collect())


@job
def handing_inside_job():
    pair(whole(), whole.alias("again")())


@job
def handing_failing_job():
    cutting(count()).map(invert)


@graph
def cutting_and_scaling():
    return split(count()).map(scale)


@job
def handing_mapped_job():
    keep(cutting_and_scaling().map(scale.alias("again")).collect())


# --- mapped graphs with a config mapping


@graph(
    config=ConfigMapping(
        config_schema={"factor": int, "end": Field(str, default_value="E")},
        config_fn=lambda given: {
            "scale": {"config": {"factor": given["factor"]}},
            "label": {"config": {"end": given["end"]}},
        },
    )
)
def labelled(value):
    return label(scale(value))


@graph(
    config=ConfigMapping(
        config_schema=int,
        config_fn=lambda given: {"labelled": {"config": {"factor": given, "end": "O"}}},
    )
)
def outer_labelled(value):
    return labelled(value)


@graph
def plain_labelled(value):
    return label(scale(value))


@graph(
    config=ConfigMapping(
        config_schema=int,
        config_fn=lambda given: {
            "plain_labelled": {
                "ops": {
                    "scale": {"config": {"factor": given}},
                    "label": {"config": {"end": "P"}},
                }
            }
        },
    )
)
def over_plain(value):
    return plain_labelled(value)


named_labelled = configured(labelled, name="named_labelled", config_schema={"times": int})(
    lambda given: {"factor": given["times"], "end": "N"}
)


@job(config={"ops": {"labelled": {"config": {"factor": 7}}}})
def mapping_job():
    keep(split(count()).map(labelled).collect())


@job(config={"ops": {"outer_labelled": {"config": 6}}})
def mapping_of_mapping_job():
    keep(split(count()).map(outer_labelled).collect())


@job(config={"ops": {"over_plain": {"config": 6}}})
def mapping_of_plain_job():
    keep(split(count()).map(over_plain).collect())


@job(config={"ops": {"named_labelled": {"config": {"times": 3}}}})
def mapping_configured_job():
    keep(split(count()).map(named_labelled).collect())


@job(config={"ops": {"labelled": {"config": {"factor": 7}}, "scale": {"config": {"factor": 3}}}})
def mapping_chain_job():
    keep(split(count()).map(scale).map(labelled).collect())


@graph(
    config=ConfigMapping(
        config_schema=int,
        config_fn=lambda given: {"scale": {"config": {"factor": given, "shift": 0}}},
    )
)
def failing(value):
    return invert(scale(value))


@job(config={"ops": {"failing": {"config": 1}}})
def mapping_failing_job():
    split(count()).map(failing)


@graph(
    config=ConfigMapping(
        config_schema=int,
        config_fn=lambda given: {
            "scale": {"config": {"factor": given}},
            "label": {"config": {"end": str(given)}},
        },
    )
)
def inner_mapping(number):
    return keep(split(number).map(scale).map(label).collect())


@graph(
    config=ConfigMapping(
        config_schema=int, config_fn=lambda given: {"inner_mapping": {"config": given + 1}}
    )
)
def outer_mapping():
    return inner_mapping(count())


@job(config={"ops": {"outer_mapping": {"config": 6}}})
def mapping_outside_job():
    """The config mapping belongs to the graph that holds the fan-out, and to the one around it."""
    pair(outer_mapping(), count())


# --- what else there is in a job


@op(out=DynamicOut())
def letters():
    for letter in "abc":
        yield DynamicOutput(letter, mapping_key=letter)


@op(out={"upper": Out(), "twice": Out()})
def written(letter):
    return letter.upper(), 2 * letter


@op
def joined(letter, other):
    return letter + other


@job(config={"ops": {"split": {"config": {"step": 2}}}})
def two_fan_outs_job():
    """Two fan-outs beside each other; the second has several mapped ops."""
    numbers = split(count()).map(scale).collect()

    def of_a_letter(letter):
        upper, twice = written(letter)
        return joined(letter, upper), twice

    both, twice = letters().map(of_a_letter)
    pair(pair.alias("of_letters")(both.collect(), twice.collect()), numbers)


@op(out=DynamicOut())
def split_again(values):
    for place, value in enumerate(values):
        yield DynamicOutput(value, mapping_key=f"again{place}")


@job
def fan_out_after_fan_out_job():
    scaled = keep(split(count()).map(scale).collect())
    again = split_again(scaled).map(scale.alias("scale_again"))
    keep.alias("keep_again")(again.collect())


@job(input_values={"extra": 9})
def input_values_job(extra: int):
    keep(split(count()).map(lambda value: plus(value, extra)).collect())


@job(config={"ops": {"plus": {"inputs": {"extra": 7}}, "scale": {"config": {"factor": 4}}}})
def input_in_config_job():
    keep(split(count()).map(scale).map(plus).collect())


@job(config={"ops": {"plus": {"inputs": {"extra": 8}}}})
def input_alone_in_config_job():
    keep(split(count()).map(plus).collect())


class Attached(ConfigurableResource, IAttachDifferentObjectToOpContext):
    def get_object_to_set_on_execution_context(self) -> str:
        return "another"


@op
def attaching(value, attached: Attached):
    return value, attached


@job(resource_defs={"attached": Attached()})
def attaching_job():
    keep(split(count()).map(attaching).collect())


fixed_scale = configured(scale, name="fixed_scale")({"factor": 3})


@op
def undeclared(context, value):
    return value, context.op_config["seen"]


@job
def configured_fixed_job():
    keep(split(count()).map(fixed_scale).collect())


@job(config={"ops": {"undeclared": {"config": {"seen": 4}}}})
def configured_chain_job():
    """A chain of an op with config, and one that reads config it does not declare."""
    keep(split(count()).map(scale).map(undeclared).collect())


@static_partitioned_config(partition_keys=["p", "q"])
def by_partition(key):
    return {"ops": {"label": {"config": {"end": key}}}}


@job(config=by_partition)
def partitioned_job():
    keep(split(count()).map(scale).map(label).collect())


@job(
    config=ConfigMapping(
        config_schema={"end": str},
        config_fn=lambda given: {"ops": {"label": {"config": {"end": given["end"]}}}},
    )
)
def config_mapping_job():
    keep(split(count()).map(scale).map(label).collect())


@op
def knowing(context, value):
    if value == 2 and context.retry_number == 0:
        raise RetryRequested(max_retries=1)
    context.add_output_metadata({"value": value})
    return value, context.op.name, context.run.tags["team"]


@job(tags={"team": "sales"})
def knowing_job():
    keep(split(count()).map(knowing).collect())


@job(
    tags={"shown": "in the UI"},
    run_tags={"team": "sales"},
    metadata={"owner": "sales"},
    logger_defs={"own": colored_console_logger},
)
def described_job():
    keep(split(count()).map(scale).collect())


# --- asynchronous generators


@op(out=DynamicOut())
async def split_awaiting():
    for place in range(4):
        await asyncio.sleep(0)
        yield DynamicOutput(place, mapping_key=f"n{place}")


@op(out={"odd": Out(is_required=False), "all": Out()})
async def sort_awaiting(value):
    await asyncio.sleep(0.001)
    if value % 2:
        yield Output(value, "odd")
    yield Output(value, "all")


@op
async def invert_awaiting(value):
    await asyncio.sleep(0.001)
    yield Output(12 // (value - 2))


@job
def awaiting_job():
    odd, everything = split_awaiting().map(sort_awaiting)
    pair(odd.collect(), everything.collect())


@job
def awaiting_failing_job():
    split_awaiting().map(invert_awaiting)

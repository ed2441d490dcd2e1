"""Ops with context, config of both kinds, and resources of both kinds; config in the chain."""

from dagster import (
    AssetMaterialization,
    Config,
    ConfigurableResource,
    DynamicOut,
    DynamicOutput,
    Field,
    job,
    op,
    resource,
)


class Prefix(ConfigurableResource):
    text: str


class TextConfig(Config):
    suffix: str = "!"


@resource(config_schema={"step": int})
def stepper(context):
    return context.resource_config["step"]


@op(out=DynamicOut(), config_schema={"count": int})
def split(context):
    context.log.info("splitting")
    for number in range(context.op_config["count"]):
        yield DynamicOutput(number, mapping_key=f"n{number}")


@op(required_resource_keys={"stepper"}, config_schema={"factor": Field(int, default_value=2)})
def scale(context, number):
    context.log_event(AssetMaterialization(f"scaled_{number}"))
    return number * context.op_config["factor"] + context.resources.stepper


@op
def label(context, value, config: TextConfig, prefix: Prefix):
    return f"{prefix.text}{value}{config.suffix}{context.get_mapping_key()}"


@op
def merge(context, labels, prefix: Prefix):
    context.log.info(str(len(labels)))
    return prefix.text.join(labels)


RUN_CONFIG = {
    "ops": {
        "split": {"config": {"count": 4}},
        "scale": {"config": {"factor": 5}},
        "label": {"config": {"suffix": "?"}},
    },
    "resources": {"stepper": {"config": {"step": 100}}},
}


@job(resource_defs={"prefix": Prefix(text="#"), "stepper": stepper}, config=RUN_CONFIG)
def configured_job():
    merge(split().map(scale).map(label).collect())

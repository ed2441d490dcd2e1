"""An op that asks for its context by itself; config for one op of a chain; a final failure."""

from dagster import (
    DynamicOut,
    DynamicOutput,
    Failure,
    OpExecutionContext,
    RetryPolicy,
    job,
    op,
)

CALLS = []


@op(out=DynamicOut())
def split():
    for number in range(3):
        yield DynamicOutput(number, mapping_key=f"n{number}")


@op
def name_job(number):
    return f"{OpExecutionContext.get().job_name[:7]}{number}"


@op(config_schema={"suffix": str})
def suffixed(context, text):
    return text + context.op_config["suffix"]


@op
def merge(texts):
    return texts


@job
def context_job():
    merge(split().map(name_job).map(suffixed).collect())


@op(retry_policy=RetryPolicy(max_retries=2))
def fail_for_good(number):
    CALLS.append(number)
    raise Failure("no use", allow_retries=False)


@job
def final_failure_job():
    split().map(fail_for_good)

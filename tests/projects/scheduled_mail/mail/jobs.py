import dagster as dg


class Post(dg.Config):
    letters: int = 3


@dg.op(out=dg.DynamicOut(int))
def letters(config: Post):
    for number in range(config.letters):
        yield dg.DynamicOutput(number, mapping_key=f"letter_{number}")


@dg.op(retry_policy=dg.RetryPolicy(max_retries=1))
def send(letter: int) -> int:
    return letter * 10


@dg.op
def log(sent: list[int]) -> list[int]:
    return sent


@dg.job(
    executor_def=dg.in_process_executor,
    config=dg.RunConfig(ops={"letters": Post(letters=4)}),
    tags={"team": "mail"},
)
def mail_job():
    log(letters().map(send).collect())

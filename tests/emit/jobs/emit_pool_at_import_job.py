"""A pool of threads that is at work when the module is imported, as polars' is.

In a forked process the pool believes in its thread, which is not there: the call never returns.
"""

from concurrent.futures import ThreadPoolExecutor

from dagster import DynamicOut, DynamicOutput, in_process_executor, job, op

POOL = ThreadPoolExecutor(1)
POOL.submit(int).result()


@op(out=DynamicOut())
def numbers():
    for number in range(4):
        yield DynamicOutput(number, mapping_key=f"n{number}")


@op
def doubled(number):
    return POOL.submit(int.__mul__, number, 2).result()


@op
def merge(results: list):
    return results


@job(executor_def=in_process_executor)
def pool_job():
    merge(numbers().map(doubled).collect())

import dagster as dg


@dg.asset(key_prefix="raw")
def orders() -> list[int]:
    return [30, 10, 20]

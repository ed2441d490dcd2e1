import asyncio

import dagster as dg


@dg.op(out=dg.DynamicOut(str))
def pages():
    for name in "abcd":
        yield dg.DynamicOutput(name, mapping_key=name)


@dg.op(pool="site")
async def fetch(page: str) -> str:
    await asyncio.sleep(0.02)
    return page.upper()


@dg.op(pool="site")
async def parse(text: str) -> str:
    await asyncio.sleep(0.01)
    return text * 2


@dg.op
def index(parsed: list[str]) -> list[str]:
    return parsed


@dg.graph
def one_page(page):
    return parse(fetch(page))


@dg.job
def crawl_job():
    index(pages().map(one_page).collect())


defs = dg.Definitions(jobs=[crawl_job])

"""An ``async def`` op: each item asks the slow service for three forecasts at once."""

import asyncio
import json
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

from dagster import Definitions, DynamicOut, DynamicOutput, job, op

from advisor.examples.http_calls import slow_service

ROUTES = (
    *(("Aachen", "Lille", "Porto"), ("Bergen", "Malmo", "Riga"), ("Cork", "Namur", "Siena")),
    *(("Delft", "Ghent", "Turku"), ("Evora", "Izmir", "Queluz"), ("Fulda", "Jena", "Oulu")),
    *(("Hamar", "Kiruna", "Bergen"), ("Cork", "Delft", "Evora"), ("Oulu", "Turku", "Riga")),
    *(("Siena", "Izmir", "Porto"), ("Jena", "Fulda", "Ghent"), ("Namur", "Lille", "Aachen")),
)


@op(out=DynamicOut(list[str]))
def list_routes() -> Iterator[DynamicOutput[list[str]]]:
    """Yield routes of three cities."""
    for route in ROUTES:
        yield DynamicOutput(list(route), mapping_key="_".join(route))


async def _forecast(address: str, city: str) -> list[int]:
    """One request over a plain stream: the standard library has no asynchronous HTTP client."""
    place = urlsplit(address)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(f"GET /forecast?city={city} HTTP/1.0\r\n\r\n".encode())
    await writer.drain()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    degrees: list[int] = json.loads(answer.partition(b"\r\n\r\n")[2])["degrees"]
    return degrees


@op
async def warmest_on_route(route: list[str]) -> int:
    """The highest temperature on a route, its cities asked all at once."""
    with slow_service(delay_s=0.25) as address:
        forecasts = await asyncio.gather(*(_forecast(address, city) for city in route))
    return max(max(degrees) for degrees in forecasts)


@op
def pick_warmest(warmest: list[int]) -> int:
    """The warmest of all routes."""
    return max(warmest)


@job
def async_job() -> None:
    """Ask for each route, pick the warmest."""
    pick_warmest(list_routes().map(warmest_on_route).collect())


defs = Definitions(jobs=[async_job])

if __name__ == "__main__":
    sys.stdout.write(f"{async_job.execute_in_process().output_for_node('pick_warmest')}\n")

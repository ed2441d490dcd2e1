"""Calls to a slow HTTP service: waiting, with a connection an item and one op with a resource.

The service is started by the resource, inside the process that needs it and on a free port of the
loopback device, and ends with it. Every process of a run therefore has one of its own: no port to
agree on, none to leave behind, the same answers everywhere.
"""

import json
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from dagster import ConfigurableResource, Definitions, DynamicOut, DynamicOutput, job, op
from pydantic import PrivateAttr

CITIES = (
    *("Aachen", "Bergen", "Cork", "Delft", "Evora", "Fulda", "Ghent", "Hamar", "Izmir", "Jena"),
    *("Kiruna", "Lille", "Malmo", "Namur", "Oulu", "Porto", "Queluz", "Riga", "Siena", "Turku"),
)


class _SlowAnswers(BaseHTTPRequestHandler):
    """Answers ``/forecast?city=NAME`` after the server's delay."""

    def do_GET(self) -> None:
        city = parse_qs(urlsplit(self.path).query)["city"][0]
        time.sleep(getattr(self.server, "delay_s", 0.0))
        degrees = [sum(city.encode()) % 30 + day for day in range(7)]
        body = json.dumps({"city": city, "degrees": degrees}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (likewise)
        """Keep the run's log free of access lines."""


@contextmanager
def slow_service(delay_s: float) -> Iterator[str]:
    """A forecast service in a thread of this process; yields its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _SlowAnswers) as server:
        server.delay_s = delay_s  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


class ForecastService(ConfigurableResource[Any]):
    """The service's client."""

    delay_s: float = 0.3
    _address: str = PrivateAttr(default="")

    @contextmanager
    def yield_for_execution(self, context: object) -> Iterator["ForecastService"]:
        """Start the service, serve while the resource is held, stop it."""
        del context
        with slow_service(self.delay_s) as address:
            self._address = address
            yield self

    def forecast(self, city: str) -> list[int]:
        """The temperatures of a city's next seven days, one request."""
        url = f"{self._address}/forecast?city={city}"
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 (our own address)
            degrees: list[int] = json.load(answer)["degrees"]
        return degrees


@op(out=DynamicOut(str))
def list_cities() -> Iterator[DynamicOutput[str]]:
    """Yield the cities."""
    for city in CITIES:
        yield DynamicOutput(city, mapping_key=city)


@op
def warmest_day(city: str, service: ForecastService) -> tuple[str, int]:
    """Ask the service for a city's forecast and pick the warmest day."""
    return city, max(service.forecast(city))


@op
def rank_cities(days: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """The cities, warmest first."""
    return sorted(days, key=lambda day: (-day[1], day[0]))


@job(resource_defs={"service": ForecastService()})
def http_job() -> None:
    """One call a city, then the ranking."""
    rank_cities(list_cities().map(warmest_day).collect())


defs = Definitions(jobs=[http_job])

if __name__ == "__main__":
    sys.stdout.write(f"{http_job.execute_in_process().output_for_node('rank_cities')}\n")

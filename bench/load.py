"""A load generator on loopback, in a process of its own so that it does not share the interpreter with what it measures."""

from __future__ import annotations

import http.client
import json
import statistics
import sys
import threading
import time
import uuid
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Result:
    """What a path did: requests a second, milliseconds at percentiles, and how many answers were not 2xx or 3xx."""

    name: str
    rps: float
    p50: float
    p95: float
    p99: float
    failed: int
    done: int


@dataclass
class Client:
    """One kept connection, and what it sends."""

    port: int
    times: list[float] = field(default_factory=list)
    failed: int = 0
    connection: http.client.HTTPConnection | None = None

    def send(self, request: dict[str, Any], n: int) -> None:
        """One request and its reply; a redirect is followed, as a browser does."""
        body = request.get("body")
        if isinstance(body, str) and "@" in body:
            body = body.replace("@N@", str(n)).replace("@KEY@", uuid.uuid4().hex)
        try:
            status, location = self._ask(request["method"], request["path"], body, request.get("headers", {}))
            if status == 303 and location:
                status, _ = self._ask("GET", location, None, {k: v for k, v in request["headers"].items() if k != "Content-Type"})
            self.failed += status >= 400
        except (OSError, http.client.HTTPException):
            self.failed += 1
            if self.connection:
                self.connection.close()
            self.connection = None

    def _ask(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> tuple[int, str | None]:
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        answer.read()
        return answer.status, answer.headers.get("Location")

    def as_fast_as_it_goes(self, requests: list[dict[str, Any]], until: float) -> None:
        """One request after the other until the time is over."""
        n = 0
        while time.perf_counter() < until:
            begun = time.perf_counter()
            self.send(requests[n % len(requests)], n + 1)
            self.times.append(time.perf_counter() - begun)
            n += 1

    def in_time(self, people: list[tuple[float, list[dict[str, Any]]]], begun: float, until: float, every: float) -> None:
        """For each person one request every so many seconds. Times count from when it was due, so that a queue shows."""
        n = 0
        while True:
            for offset, requests in people:
                due = begun + offset + n * every
                if due >= until:
                    return
                time.sleep(max(0.0, due - time.perf_counter()))
                self.send(requests[n % len(requests)], n + 1)
                self.times.append(time.perf_counter() - due)
            n += 1


def run(name: str, port: int, clients: list[list[dict[str, Any]]], seconds: float, every: float = 0.0, connections: int = 0) -> Result:
    """Let all clients send for some seconds: as fast as it goes, or each one request every so many seconds."""
    count = min(connections or len(clients), len(clients))
    lines = [Client(port) for _ in range(count)]
    begun = time.perf_counter()
    threads = []
    for n, line in enumerate(lines):
        if every:
            people = [(every * k / len(clients), clients[k]) for k in range(n, len(clients), count)]
            threads.append(threading.Thread(target=line.in_time, args=(people, begun, begun + seconds, every)))
        else:
            threads.append(threading.Thread(target=line.as_fast_as_it_goes, args=(clients[n], begun + seconds)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = time.perf_counter() - begun
    times = sorted(t for line in lines for t in line.times)
    percentiles = statistics.quantiles(times, n=100, method="inclusive") if len(times) > 1 else [0.0] * 99
    return Result(
        name, len(times) / taken, percentiles[49] * 1000, percentiles[94] * 1000, percentiles[98] * 1000,
        sum(line.failed for line in lines), len(times),
    )


if __name__ == "__main__":
    json.dump(asdict(run(**json.load(sys.stdin))), sys.stdout)

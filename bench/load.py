"""A load generator on loopback: some clients with kept connections, each sending one request after the other."""

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
    """One client: the requests it sends in turn, for ever."""

    requests: list[dict[str, Any]]  # {"method", "path", "body", "headers"}
    times: list[float] = field(default_factory=list)
    failed: int = 0

    def run(self, port: int, until: float, pause: float) -> None:
        """Send until the time is over."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        n = 0
        while time.perf_counter() < until:
            request = self.requests[n % len(self.requests)]
            body = request.get("body")
            if isinstance(body, str) and "@" in body:
                body = body.replace("@N@", str(n + 1)).replace("@KEY@", uuid.uuid4().hex)
            begun = time.perf_counter()
            try:
                connection.request(request["method"], request["path"], body, request.get("headers", {}))
                answer = connection.getresponse()
                answer.read()
                self.failed += answer.status >= 400
            except (OSError, http.client.HTTPException):
                self.failed += 1
                connection.close()
            self.times.append(time.perf_counter() - begun)
            n += 1
            if pause:
                time.sleep(max(0.0, pause - (time.perf_counter() - begun)))
        connection.close()


def run(name: str, port: int, clients: list[Client], seconds: float, pause: float = 0.0) -> Result:
    """Let all clients send for some seconds. `pause`: seconds from one request of a client to its next."""
    begun = time.perf_counter()
    threads = [threading.Thread(target=client.run, args=(port, begun + seconds, pause)) for client in clients]
    for n, thread in enumerate(threads):
        thread.start()
        if pause:
            time.sleep(min(0.02, pause / len(threads)) if n else 0)
    for thread in threads:
        thread.join()
    taken = time.perf_counter() - begun
    times = sorted(t for client in clients for t in client.times)
    percentiles = statistics.quantiles(times, n=100, method="inclusive") if len(times) > 1 else [0.0] * 99
    return Result(
        name, len(times) / taken, percentiles[49] * 1000, percentiles[94] * 1000, percentiles[98] * 1000,
        sum(client.failed for client in clients), len(times),
    )


if __name__ == "__main__":  # a process of its own, so that it does not share the interpreter with what it measures
    order = json.load(sys.stdin)
    result = run(order["name"], order["port"], [Client(requests) for requests in order["clients"]], order["seconds"], order.get("pause", 0.0))
    json.dump(asdict(result), sys.stdout)

"""Other systems: every HTTP request of an example is a step of its call, and the proof answers it.

Nothing leaves the machine. `httpx` (also below the packages that use it) and `requests` are caught where they would open
a connection, so that the example runs with the real clients.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import requests


def hook(step: Callable[[str], Any], step_async: Callable[[str], Awaitable[Any]]) -> None:
    """Hands every HTTP request to the proof: the step is `POST https://host/path`, the answer its JSON."""

    def handle(self: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=step(f"{request.method} {request.url.copy_with(query=None)}"))

    async def handle_async(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=await step_async(f"{request.method} {request.url.copy_with(query=None)}"))

    def send(self: requests.adapters.HTTPAdapter, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        answer = httpx.Response(200, json=step(f"{request.method} {(request.url or '').partition('?')[0]}"))
        response = requests.Response()
        response.status_code = 200
        response.headers.update(answer.headers)
        response._content = answer.content
        response.request = request
        response.url = request.url or ""
        return response

    httpx.HTTPTransport.handle_request = handle
    httpx.AsyncHTTPTransport.handle_async_request = handle_async
    requests.adapters.HTTPAdapter.send = send

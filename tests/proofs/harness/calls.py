"""What a proof asks of a worker, and what it gets back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Http:
    """A request to the application `module:name` (a FastAPI, an APIRouter, or a Flask)."""

    app: str
    method: str
    path: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Function:
    """A call of a function: `module:name` of the example, or a function that the driver's file defines."""

    target: str | Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    keywords: dict[str, Any] = field(default_factory=dict)


Request = Http | Function


@dataclass(frozen=True)
class Outcome:
    """How a request or a call ended."""

    #: The HTTP status; 0 for a function that returned.
    status: int
    #: The JSON of the answer, or what the function returned.
    value: Any
    #: The name of the exception that left the application or the function.
    error: str | None = None
    #: What it said.
    message: str = ""

    @property
    def brief(self) -> Any:
        """The exception's name, else the HTTP status, else `"returned"`."""
        return self.error or self.status or "returned"


def _http(method: str) -> Callable[..., Http]:
    def request(app: str, path: str, **options: Any) -> Http:
        return Http(app, method, path, options)

    request.__doc__ = f"A {method} request to the application; `options` are those of httpx."
    return request


get, post, put, delete = _http("GET"), _http("POST"), _http("PUT"), _http("DELETE")


def call(target: str | Callable[..., Any], *arguments: Any, **keywords: Any) -> Function:
    """A call of `module:name`, or of a function of the driver's file."""
    return Function(target, arguments, keywords)

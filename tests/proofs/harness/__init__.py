"""Runs the examples of the hazards' pages for real; see `../README.md`."""

from harness.calls import call, delete, get, post, put
from harness.proof import look_alike, proof

__all__ = ["call", "delete", "get", "look_alike", "post", "proof", "put"]

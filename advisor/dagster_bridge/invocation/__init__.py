"""Call the user's ops directly, outside of a run."""

from advisor.dagster_bridge.invocation.calls import PreparedCall, item_inputs
from advisor.dagster_bridge.invocation.opening import (
    CannotInvokeError,
    Invocation,
    open_invocation,
)
from advisor.dagster_bridge.invocation.resources import CannotStoreError

__all__ = [
    "CannotInvokeError",
    "CannotStoreError",
    "Invocation",
    "PreparedCall",
    "item_inputs",
    "open_invocation",
]

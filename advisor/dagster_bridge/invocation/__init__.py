"""Call the user's ops directly, outside of a run."""

from advisor.dagster_bridge.invocation.calls import PreparedCall, item_inputs
from advisor.dagster_bridge.invocation.io_managers import CannotStoreError
from advisor.dagster_bridge.invocation.opening import (
    CannotInvokeError,
    Invocation,
    open_invocation,
)

__all__ = [
    "CannotInvokeError",
    "CannotStoreError",
    "Invocation",
    "PreparedCall",
    "item_inputs",
    "open_invocation",
]

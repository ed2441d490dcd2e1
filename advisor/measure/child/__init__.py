"""Running code in a fresh process of our own, so that whatever it does is a reported fact.

A crash, a hang, ``sys.exit``, a memory leak or a daemon of the user's ends as a `ChildFailure`;
nothing that was started outlives the call, neither after a timeout nor after Ctrl-C.
"""

from advisor.measure.child.result import ChildFailure, ChildResult, terminal
from advisor.measure.child.watch import run_in_child

__all__ = ["ChildFailure", "ChildResult", "run_in_child", "terminal"]

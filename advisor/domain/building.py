"""What building the definitions of the user's code location takes, in a sentence."""

from advisor.domain.host import BUILDS_OF_RUN, BUILDS_OF_STEP, HostProfile
from advisor.domain.quantities import seconds


def building(host: HostProfile, *, in_steps: bool = True) -> str:
    """What Dagster builds, how often, and what of it a preload list takes away."""
    first, again = seconds(host.user_build_s), seconds(host.user_rebuild_s)
    imports = seconds(host.user_import_s)
    if not in_steps:
        return (
            f"Dagster builds the definitions of {host.user_module} "
            f"{BUILDS_OF_RUN['in_process']} times when a run starts ({again} each), and "
            f"{BUILDS_OF_STEP} times in every step with a process of its own"
        )
    return (
        f"Every step builds the definitions of {host.user_module}, with a preload list or without "
        f"one: {first} for its plan and {again} for its context. A preload list can take away the "
        f"{imports} of imports alone"
    )

"""Where the items of a bare op come from: what its tag says, or what to say where none does."""

from pathlib import Path

from advisor.domain.command_line import command
from advisor.domain.errors import TargetError
from advisor.domain.workload import WorkloadDescription

INPUTS_TAG = "dynadvise/inputs"
"""An op's tag that names its sample inputs, spelled as ``--inputs`` is."""


def no_samples(description: WorkloadDescription) -> TargetError:
    """The error where nothing says what an item is: it shows the three ways."""
    op = description.mapped[0].name
    location = description.mapped[0].location
    # A child's current folder is the target's: the user's is not known here.
    again = command("profile", description, "--inputs", "items.json", here=Path("/"))
    return TargetError(
        f"There are no sample inputs for '{op}'.",
        where=str(location) if location else None,
        hint=(
            "Give them in one of three ways:\n"
            f"  {again}   (or .jsonl, .yaml, "
            "or module:callable: one entry per item)\n"
            f'  @op(tags={{"{INPUTS_TAG}": "module:callable"}}) on the op itself\n'
            "  dynadvise profile MODULE:JOB, naming the job whose fan-out op yields the items"
        ),
    )


def inputs_tag(description: WorkloadDescription) -> str | None:
    """What the first mapped op's ``dynadvise/inputs`` tag names."""
    return description.mapped[0].tags.get(INPUTS_TAG)

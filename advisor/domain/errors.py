"""The one error that a user sees: what happened, where, and what to do next."""


class DynadviseError(Exception):
    """A mistake or a failure that the user can act on; shown without a traceback of ours.

    Args:
        what: What happened, one sentence.
        where: The user's file and line, item or field at fault, if known.
        hint: What to do next.
        details: More lines to show as they are (the last frames of the user's own traceback).
        message: Text of the user's exception, which is named in ``what``. It may hold a secret: it
            is for the terminal, as ``details`` are, and never part of what is saved.
        exit_status: Exit status of the command (2: usage, target or user code; 1: the gate failed).
    """

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        hint: str | None = None,
        details: str | None = None,
        message: str | None = None,
        exit_status: int = 2,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint
        self.details = details
        self.message = message
        self.exit_status = exit_status

    def __str__(self) -> str:
        lines = [f"{self.what}: {self.message}" if self.message else self.what]
        if self.where:
            lines.append(f"  at {self.where}")
        if self.details:
            lines.extend(f"  {line}" for line in self.details.rstrip().splitlines())
        if self.hint:
            lines.append(self.hint)
        return "\n".join(lines)

    @property
    def without_texts(self) -> str:
        """One line that may be saved: the user's exception by type and place alone."""
        place = f" at {self.where}" if self.where else ""
        return " ".join(f"{self.what}{place} {self.hint or ''}".split())


class TargetError(DynadviseError):
    """The target, its inputs or its run config cannot be loaded or do not fit together."""


class UnnamedTargetError(TargetError):
    """The target is a module or a folder that holds several workloads: one of them is meant."""


class UserCodeError(DynadviseError):
    """The user's code raised, hung, exited or was killed while it was measured."""


class ProfileError(DynadviseError):
    """A profile file is missing, damaged, too new, or of another kind."""


class ConfigurationError(DynadviseError):
    """``[tool.dynadvise]`` or a command-line value is wrong."""

"""What made a run slow or fail, with evidence from the run alone. Pure.

Failures that an attempt's error tells are in the table of ``errors``. Each other rule is a module
here with ``CODE`` and ``diagnose(facts)``, which gives at most one cause; where it promises a gain,
it speaks when that gain is at least ``WORTH`` of the run. The words are in ``codes.toml``.
"""

from advisor.domain.analysis import Diagnosis
from advisor.domain.finding import SEVERITIES
from advisor.rules.rule import rule_modules, rules
from advisor.rules.runs.errors import failures
from advisor.rules.runs.facts import RunFacts
from advisor.rules.runs.gain import Cause, Gain


def diagnose(facts: RunFacts) -> tuple[Diagnosis, ...]:
    """All that a run's figures tell against it: failures first, then by gain."""
    causes = [(module.CODE, module.diagnose(facts)) for module in rule_modules(__name__)]
    causes += failures(facts)
    diagnoses = [_diagnosis(code, cause) for code, cause in causes if cause is not None]
    diagnoses.sort(key=lambda d: (-SEVERITIES.index(d.severity), -(d.gain_s or 0.0), d.code))
    return tuple(diagnoses)


def _diagnosis(code: str, cause: Cause) -> Diagnosis:
    gain, rule = cause.gain or Gain(0.0, ""), rules()[code]
    return Diagnosis(
        code=code,
        kind=rule.kind,
        severity=cause.severity,
        message=cause.message,
        evidence=tuple(cause.evidence),
        remedy=cause.remedy or rule.remedy,
        gain_s=gain.seconds if cause.gain else None,
        formula=gain.formula,
        at_most=gain.at_most,
    )

"""The JSON Schema of each command's JSON, generated from its dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from advisor.render.forms.advice import AdviceForm, OnePredictionForm
from advisor.render.forms.analysis import AnalysisForm
from advisor.render.forms.calibration import CalibrationForm
from advisor.render.forms.encoding import adapter
from advisor.render.forms.gate import CheckForm
from advisor.render.forms.scan import ScanForm
from advisor.render.forms.verification import VerificationForm

FORMS: Mapping[str, type] = {
    "advice": AdviceForm,
    "analysis": AnalysisForm,
    "calibration": CalibrationForm,
    "check": CheckForm,
    "prediction": OnePredictionForm,
    "scan": ScanForm,
    "verification": VerificationForm,
}


COMMENT = (
    "Policy: within version 1 keys are only added; what is listed here keeps its name, type, unit "
    "and meaning, and required keys stay required. Readers must ignore keys that they do not know. "
    "Anything else is version 2, which `--format json` would print only after a release that "
    "announces it. Durations are seconds in names that end in _s, sizes bytes in names that end "
    "in _bytes; low and high bound 90 %."
)


class _Generator(GenerateJsonSchema):
    """Every key is always printed, so that it is required and its default is nobody's concern."""

    def field_title_should_be_set(self, *_schema: Any) -> bool:
        return False

    def field_is_required(self, *_arguments: Any, **_options: Any) -> bool:
        return True

    def default_schema(self, schema: Any) -> dict[str, Any]:
        return self.generate_inner(schema["schema"])


def schema_of(name: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of one of :data:`FORMS`."""
    schema = adapter(FORMS[name]).json_schema(mode="serialization", schema_generator=_Generator)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:dynadvise:{name}:1",
        **schema,
        "title": f"dynadvise {name}, version 1",
        "$comment": COMMENT,
    }

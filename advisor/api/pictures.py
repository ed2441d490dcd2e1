"""The simulated runs of the ways that an advice names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.domain.advice import Advice
from advisor.domain.candidate import Candidate
from advisor.domain.errors import NoModelError
from advisor.domain.measured import Measured
from advisor.domain.options import AdviseOptions
from advisor.domain.picture import RunPicture

if TYPE_CHECKING:
    from advisor.model.prediction import Predictor


def pictures_of(measured: Measured, advice: Advice, options: AdviseOptions) -> list[RunPicture]:
    """Now, config only and best, each simulated once more; without those that have no model.

    One that is several of these has the last name.
    """
    from advisor.model.measured_setting import setting_of
    from advisor.model.prediction import Predictor

    predictor = Predictor(setting_of(measured, options))
    now = advice.current or advice.default
    named = (("now", now), ("config only", advice.config_only), ("best", advice.recommendation))
    names = {way.candidate: name for name, way in named if way is not None}
    pictures = (_picture(name, candidate, predictor) for candidate, name in names.items())
    return [picture for picture in pictures if picture is not None]


def _picture(name: str, candidate: Candidate, predictor: Predictor) -> RunPicture | None:
    from advisor.model.pictures import picture_of

    try:
        return picture_of(name, candidate, predictor)
    except NoModelError:
        return None

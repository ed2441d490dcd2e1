"""The simulated runs of the ways that an advice names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.domain.advice import Advice, Prediction
from advisor.domain.measured import Measured
from advisor.domain.no_prediction import NoModelError
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
    ways = {way.candidate: (name, way) for name, way in advice.comparison}
    pictures = (_picture(name, way, predictor) for name, way in ways.values())
    return [picture for picture in pictures if picture is not None]


def _picture(name: str, way: Prediction, predictor: Predictor) -> RunPicture | None:
    from advisor.model.pictures import picture_of

    try:
        return picture_of(name, way, predictor)
    except NoModelError:
        return None

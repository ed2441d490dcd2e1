"""The JSON Schema of each command's JSON, by the table of shapes."""

from dataclasses import is_dataclass
from functools import cache, reduce
from operator import or_
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, Field, create_model
from pydantic.json_schema import GenerateJsonSchema

from advisor.render.forms.encoding import parts_of
from advisor.render.forms.table import DOCUMENTS, SHAPES, Shape

COMMENT = (
    "Policy: within version 1 keys are only added; what is listed here keeps its name, type, unit "
    "and meaning, and required keys stay required. Readers must ignore keys that they do not know. "
    "Anything else is version 2, which `--format json` would print only after a release that "
    "announces it. Durations are seconds in names that end in _s, sizes bytes in names that end "
    "in _bytes; low and high bound 90 %."
)


def schema_of(name: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of one of :data:`DOCUMENTS`; every key is always printed."""
    document = _model(DOCUMENTS[name], schema=Literal[f"dynadvise/{name}"], version=Literal[1])
    schema = document.model_json_schema(mode="serialization", schema_generator=_Generator)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:dynadvise:{name}:1",
        **schema,
        "title": f"dynadvise {name}, version 1",
        "$comment": COMMENT,
    }


class _Generator(GenerateJsonSchema):
    def field_title_should_be_set(self, *_schema: Any) -> bool:
        return False


@cache
def _model(source: type, **head: Any) -> type[BaseModel]:
    """Pydantic's model of a dataclass's JSON, with further keys at its head."""
    kinds = {**head, **{key: kind for key, (kind, _) in parts_of(source).items()}}
    # Fields by names of their own: `from` and `schema` cannot be names of a model's.
    keys: dict[str, Any] = {
        f"{key}_": (_modelled(kind), Field(serialization_alias=key)) for key, kind in kinds.items()
    }
    shape, own = SHAPES.get(source, Shape()), get_type_hints(source)
    described = [source.__doc__, *(own[name].__doc__ for name in shape.inlined)]
    return create_model(shape.name or source.__name__, __doc__="\n\n".join(described), **keys)


def _modelled(kind: Any) -> Any:
    """A type whose dataclasses are models."""
    if isinstance(kind, type) and is_dataclass(kind):
        return _model(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if not arguments or origin is Literal:
        return kind
    modelled = tuple(map(_modelled, arguments))
    return reduce(or_, modelled) if origin in {Union, UnionType} else origin[modelled]

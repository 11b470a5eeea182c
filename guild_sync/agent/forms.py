"""JSON of another's making, read into the forms of protocol.py.

A remote is another's machine, and so are the runs that come from one: keys that a form has, each
of its type; all other keys are dropped.
"""

from __future__ import annotations

import math
import types
from typing import (
    Any,
    Callable,
    Dict,
    List,
    Optional,
    Type,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from . import protocol

T = TypeVar("T")
Reader = Callable[[object], Any]
Items = List[Any]
AreAll = Callable[[Items], bool]


class Misread(ValueError):
    """It is not of the form that is asked for; the message is where."""


def read(form: Type[T], value: object) -> T:
    """`value`, changed to what that form has: a copy of a large one would take as much again.

    Raises Misread where it cannot be.
    """
    try:
        found: T = _reader(form)(value)
    except RecursionError:
        raise Misread("is nested too deeply") from None
    return found


_known: Dict[object, Reader] = {}


def _reader(form: object) -> Reader:
    """The function that reads one form, made once."""
    if form not in _known:
        _known[form] = _made(form)
    return _known[form]


def _made(form: object) -> Reader:
    if form in _PLAIN:
        return _PLAIN[form]
    if isinstance(form, type) and hasattr(form, "__total__"):
        return _of_mapping(form)
    origin, parts = get_origin(form), get_args(form)
    if origin in (Union, getattr(types, "UnionType", Union)):  # `X | None`, of Python 3.10 on
        return _of_optional(_reader(next(part for part in parts if part is not type(None))))
    if origin is list:
        return _of_list(_reader(parts[0]), _ALL.get(parts[0]))
    if origin is dict:
        return _of_dict(_reader(parts[0]), _reader(parts[1]))
    if origin is tuple:
        return _of_tuple([_reader(part) for part in parts])
    raise TypeError(f"no answer has the form {form}")


def _exactly(kind: type) -> Reader:
    def checked(value: object) -> object:
        if type(value) is not kind:
            raise Misread(f"is not {kind.__name__}")
        return value

    return checked


def _if(holds: Callable[[object], bool], name: str) -> Reader:
    def checked(value: object) -> object:
        if not holds(value):
            raise Misread(f"is not {name}")
        return value

    return checked


_WHOLE = 1 << 63  # beyond which no whole number is that programs count with


def _is_whole(value: object) -> bool:
    return type(value) is int and -_WHOLE <= value < _WHOLE


def _are_whole(values: Items) -> bool:
    is_whole = set(map(type, values)) == {int}
    return is_whole and min(values) >= -_WHOLE and max(values) < _WHOLE


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 1 << 64


_LARGEST = 1 << 1000  # of whole numbers: a float has room for it


def _is_figure(value: object) -> bool:
    if isinstance(value, str):
        return value in protocol.NOT_FINITE
    if type(value) is int:
        return abs(value) < _LARGEST
    return type(value) is float and math.isfinite(value)


def _is_seconds(value: object) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value) and abs(value) < 1e11


_PLAIN: Dict[object, Reader] = {
    str: _exactly(str),
    int: _if(_is_whole, "a whole number"),
    bool: _exactly(bool),
    type(None): _exactly(type(None)),
    protocol.Value: lambda value: value,  # whatever JSON carries
    protocol.Unread: lambda value: value,
    protocol.RunId: _if(
        lambda v: isinstance(v, str) and bool(protocol.RUN_ID.match(v)), "a run's id"
    ),
    protocol.StatusName: _if(lambda v: v in protocol.STATUSES, "a status"),
    protocol.Count: _if(_is_count, "a count"),
    protocol.Seconds: _if(_is_seconds, "a time"),
    protocol.Figure: _if(_is_figure, "a number"),
}


def _are_figures(values: Items) -> bool:
    kinds = set(map(type, values))
    if not kinds <= {int, float}:
        return False
    if int in kinds and not (min(values) > -_LARGEST and max(values) < _LARGEST):
        return False
    return all(map(math.isfinite, values))


# Whether all items of a list are of the form, told at one go: a series has thousands. Where one
# is not, or another spelling of it, they are read one by one.
_ALL: Dict[object, AreAll] = {
    str: lambda values: set(map(type, values)) <= {str},
    int: _are_whole,
    protocol.Count: lambda values: (
        set(map(type, values)) == {int} and min(values) >= 0 and max(values) < 1 << 64
    ),
    protocol.Figure: _are_figures,
}


def _within(place: object, reader: Reader, value: object) -> object:
    try:
        return reader(value)
    except Misread as e:
        raise Misread(f"{str(place)[:40]}: {e}") from None


def _of_mapping(form: type) -> Reader:
    hints = get_type_hints(form)
    required = _required(form)
    readers: Dict[str, Reader] = {}

    def checked(value: object) -> object:
        if not isinstance(value, dict):
            raise Misread("is not a mapping")
        if not readers:  # not before: a form may have itself in it
            readers.update({key: _reader(hint) for key, hint in hints.items()})
        for key in required:
            if key not in value:
                raise Misread(f"{key}: is missing")
        if not value.keys() <= readers.keys():
            for key in [key for key in value if key not in readers]:
                del value[key]
        key = ""
        try:  # once for all: 5,000 runs have 50,000 of such mappings
            for key, item in value.items():
                value[key] = readers[key](item)
        except Misread as e:
            raise Misread(f"{str(key)[:40]}: {e}") from None
        return value

    return checked


def _required(form: type) -> List[str]:
    """The keys that are always there: those of each form that it is made of, if that is total."""
    parts = [vars(part) for part in form.__mro__]
    return [key for part in parts if part.get("__total__") for key in part["__annotations__"]]


def _of_optional(reader: Reader) -> Reader:
    return lambda value: None if value is None else reader(value)


def _of_list(reader: Reader, are_all: Optional[AreAll]) -> Reader:
    def checked(value: object) -> object:
        if not isinstance(value, list):
            raise Misread("is not a list")
        if are_all is not None and are_all(value):
            return value
        for at, item in enumerate(value):
            value[at] = _within(at, reader, item)
        return value

    return checked


def _of_dict(keys: Reader, values: Reader) -> Reader:
    def checked(value: object) -> object:
        if not isinstance(value, dict):
            raise Misread("is not a mapping")
        for key, item in value.items():
            _within("key", keys, key)
            value[key] = _within(key, values, item)
        return value

    return checked


def _of_tuple(readers: List[Reader]) -> Reader:
    def checked(value: object) -> object:
        if not isinstance(value, list) or len(value) != len(readers):
            raise Misread(f"is not a list of {len(readers)}")
        return tuple(
            _within(at, reader, item) for at, (reader, item) in enumerate(zip(readers, value))
        )

    return checked

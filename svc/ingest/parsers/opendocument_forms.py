"""The fields of forms in OpenDocument files, whose labels and contents are attributes."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

_LABELS = ("label", "title")
_VALUES = ("current-value", "value", "selected", "current-state")
_MOST_FIELDS = 5_000
_STATES = {"checked": "☒", "true": "☒", "unchecked": "", "false": "", "unknown": ""}


def form_lines(forms: etree._Element) -> Iterator[str]:
    """A line `label: value` for each field that has one of them."""
    for number, field in enumerate(forms.iter()):
        if number > _MOST_FIELDS:
            return
        if not isinstance(field.tag, str) or "xmlns:form:" not in field.tag or field.tag.endswith(("}form", "}hidden")):
            continue
        given = {key.rpartition("}")[2]: " ".join(value.split()) for key, value in field.items()}
        label = next((given[name] for name in _LABELS if given.get(name)), "")
        value = next((given[name] for name in _VALUES if given.get(name)), "")
        if line := ": ".join(filter(None, (label, _STATES.get(value, value)))):
            yield line

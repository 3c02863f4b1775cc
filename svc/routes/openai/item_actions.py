"""The actions of items: a search of the web, a step on a computer, a command of a shell, a change of a file."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class Tagged(Struct, frozen=True, tag_field="type"):
    """An object whose `type` names its kind."""


class Source(Struct, frozen=True):
    """A page that a search found."""

    type: Literal["url"]
    url: str


class Search(Tagged, frozen=True, tag="search"):
    """A search of the web."""

    query: str | None = None
    queries: list[str] | None = None
    sources: list[Source] | None = None


class OpenPage(Tagged, frozen=True, tag="open_page"):
    """A page that was opened."""

    url: str | None = None


class FindInPage(Tagged, frozen=True, tag="find_in_page"):
    """A search within a page."""

    pattern: str
    url: str


class Point(Struct, frozen=True):
    """A point of the screen."""

    x: int
    y: int


class Click(Tagged, frozen=True, tag="click"):
    """A click."""

    button: Literal["left", "right", "wheel", "back", "forward"]
    x: int
    y: int
    keys: list[str] | None = None


class DoubleClick(Tagged, frozen=True, tag="double_click"):
    """A double click."""

    x: int
    y: int
    keys: list[str] | None = None


class Drag(Tagged, frozen=True, tag="drag"):
    """A drag along a path."""

    path: list[Point]
    keys: list[str] | None = None


class Keypress(Tagged, frozen=True, tag="keypress"):
    """Keys that were pressed together."""

    keys: list[str]


class Move(Tagged, frozen=True, tag="move"):
    """A move of the pointer."""

    x: int
    y: int
    keys: list[str] | None = None


class Screenshot(Tagged, frozen=True, tag="screenshot"):
    """A picture of the screen."""


class Scroll(Tagged, frozen=True, tag="scroll"):
    """A scroll."""

    scroll_x: int
    scroll_y: int
    x: int
    y: int
    keys: list[str] | None = None


class Type(Tagged, frozen=True, tag="type"):
    """Text that was typed."""

    text: str


class Wait(Tagged, frozen=True, tag="wait"):
    """A pause."""


Step = Click | DoubleClick | Drag | Keypress | Move | Screenshot | Scroll | Type | Wait


class Exec(Struct, frozen=True):
    """A command with its environment."""

    type: Literal["exec"]
    command: list[str]
    env: dict[str, str]
    timeout_ms: int | None = None
    user: str | None = None
    working_directory: str | None = None


class Commands(Struct, frozen=True):
    """Commands of a shell."""

    commands: list[str]
    timeout_ms: int | None = None
    max_output_length: int | None = None


class CreateFile(Tagged, frozen=True, tag="create_file"):
    """A new file."""

    path: str
    diff: str


class UpdateFile(Tagged, frozen=True, tag="update_file"):
    """A changed file."""

    path: str
    diff: str


class DeleteFile(Tagged, frozen=True, tag="delete_file"):
    """A file that was deleted."""

    path: str

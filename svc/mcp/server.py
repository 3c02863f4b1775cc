"""The MCP server: the tools with their descriptions, for an assistant, on any transport."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from mcp import MCPError
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError, ToolError
from mcp.types import INVALID_PARAMS, ToolAnnotations
from pydantic import Field, ValidationError

from cabinet_client import AnswerError, AsyncCabinet, CabinetClientError, NoAnswerError, NotFoundError
from svc import __version__
from svc.mcp import tools
from svc.mcp.argument_errors import sentence_of
from svc.mcp.failures import ToolFailedError

ClientOf = Callable[[Context], AsyncCabinet]

_INSTRUCTIONS = (
    "Cabinet holds the user's documents and memories from earlier conversations. Search before you answer a "
    "question about the user's own material, and cite the sources that you used."
)
_READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_ADDS = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)
_REPLACES = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False)

Limit = Annotated[int, Field(ge=1, le=20, description="The most results.")]
Query = Annotated[str, Field(min_length=1, max_length=8000, description="The question or the words to look for.")]


Collection = Annotated[
    str | None,
    Field(
        min_length=1,
        max_length=255,
        description="The name or id of a collection of the user, or of one that others share with the user.",
    ),
]


class _Server(MCPServer):
    """The SDK's server, with Cabinet's own messages about wrong arguments."""

    async def call_tool(self, name: str, arguments: dict[str, Any], context: Context | None = None) -> Any:
        """Call a tool.

        Raises:
            ToolError: there is no such tool, its arguments are wrong, or it has failed.
        """
        tool = self._tool_manager.get_tool(name)
        if tool is None:
            names = ", ".join(each.name for each in self._tool_manager.list_tools())
            raise ToolError(f"there is no tool {name[:80]!r}; the tools are {names}")
        # The SDK ignores them silently, and an assistant would believe that they had an effect.
        if unknown := sorted(arguments.keys() - tool.parameters["properties"].keys()):
            raise ToolError(
                f"{name} has no argument {unknown[0][:80]!r}; it takes {', '.join(tool.parameters['properties'])}"
            )
        try:
            return await super().call_tool(name, arguments, context)
        except ToolError as error:
            if isinstance(error.__cause__, ValidationError):
                raise ToolError(sentence_of(error.__cause__)) from None
            if type(error.__cause__) is ToolError:
                raise ToolError(str(error.__cause__)) from None
            raise

    async def get_prompt(
        self, name: str, arguments: dict[str, Any] | None = None, context: Context | None = None
    ) -> Any:
        """Refuse the request.

        Raises:
            MCPError: there are no prompts.
        """
        raise MCPError(INVALID_PARAMS, "there are no prompts; tools/list lists the tools")


def mcp_server(client_of: ClientOf) -> MCPServer:
    """The server; `client_of` returns a client with the key of the caller of a request."""
    # Nothing is ever published, and the stream of a subscription would keep a connection open for ever.
    # The log level applies to `cabinet mcp`, which has no log of its own: otherwise each request would be a line there.
    server = _Server(
        "cabinet",
        title="Cabinet",
        version=__version__,
        instructions=_INSTRUCTIONS,
        subscriptions=False,
        log_level="WARNING",
    )

    @server.tool(annotations=_READS, structured_output=False)
    async def search(query: Query, context: Context, limit: Limit = 5, collection: Collection = None) -> str:
        """Search the user's documents by meaning, or the documents of one collection, also of one that others share
        with the user. Returns the best passages, best first; each starts with its source in brackets, which open_source
        takes, and the name of its document. Ask in a whole sentence, as the user would; search again with other words
        if the passages do not answer the question."""
        return await _answered(tools.search(client_of(context), query, limit, collection))

    @server.tool(annotations=_READS, structured_output=False)
    async def open_source(
        source: Annotated[str, Field(max_length=60, description="A source from search.")],
        context: Context,
        around: Annotated[int, Field(ge=0, le=5, description="Passages before and after it to include.")] = 1,
    ) -> str:
        """Read a passage in its document, with the passages before and after it. Use it when a search result is cut off
        or needs its surroundings to be understood."""
        return await _answered(tools.open_source(client_of(context), source, around))

    @server.tool(annotations=_REPLACES, structured_output=False)
    async def add_document(
        name: Annotated[str, Field(min_length=1, max_length=255, description="File name, such as notes.md.")],
        text: Annotated[str, Field(min_length=1, max_length=1_000_000, description="The whole text.")],
        context: Context,
    ) -> str:
        """Store a text or Markdown document so that search finds it from now on. A document with the same name is
        replaced. Use it for material that the user wants to keep; use remember for single facts."""
        return await _answered(tools.add_document(client_of(context), name, text))

    @server.tool(annotations=_ADDS, structured_output=False)
    async def remember(
        text: Annotated[str, Field(min_length=1, max_length=20_000, description="One fact or decision, in full.")],
        context: Context,
    ) -> str:
        """Remember a fact, a preference or a decision for later conversations. Write it so that it can be understood
        without this conversation, with names and dates. recall finds it again."""
        return await _answered(tools.remember(client_of(context), text))

    @server.tool(annotations=_READS, structured_output=False)
    async def recall(query: Query, context: Context, limit: Limit = 5) -> str:
        """Find the memories and the messages of the user's conversations that are nearest to a question. Use it when
        the user refers to something earlier, or when a preference of the user may matter."""
        return await _answered(tools.recall(client_of(context), query, limit))

    @server.tool(annotations=_READS, structured_output=False)
    async def list_documents(
        context: Context,
        limit: Annotated[int, Field(ge=1, le=100, description="The most documents.")] = 20,
        after: Annotated[
            str | None, Field(max_length=60, description="The id of the last document shown, to list those after it.")
        ] = None,
        collection: Collection = None,
    ) -> str:
        """List the user's documents, or those of one collection, newest first, with their ids, types and states. Use it
        to learn which documents there are, and which collections others share with the user; to find something in
        them, use search. If there are more, the last line says how to continue."""
        return await _answered(tools.list_documents(client_of(context), limit, after, collection))

    @server.resource("cabinet://documents/{document_id}", name="document", mime_type="text/plain")
    async def document(document_id: str, context: Context) -> str:
        """The text of one of the user's documents, by the id that list_documents shows."""
        try:
            return await _answered(tools.read_document(client_of(context), document_id))
        except ToolError as error:
            raise _resource_error(error) from error

    return server


def _resource_error(error: ToolError) -> ResourceError:
    """The same sentence, in the form that the SDK requires from a resource."""
    is_missing = isinstance(error.__cause__, NotFoundError | ToolFailedError)
    return (ResourceNotFoundError if is_missing else ResourceError)(str(error))


async def _answered(work: Awaitable[str]) -> str:
    """The text of a tool, or the message of an error that the caller can correct."""
    try:
        return await work
    except (ToolFailedError, AnswerError) as error:
        raise ToolError(error.detail) from error
    except NoAnswerError as error:
        raise ToolError("Cabinet does not answer. Try again in a moment.") from error
    except CabinetClientError as error:
        raise ToolError(str(error)) from error

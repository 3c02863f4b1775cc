"""The command `cabinet`."""

from __future__ import annotations

import click

from svc import __version__
from svc.cli.lazy import LazyGroup, Source


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="cabinet")
def main() -> None:
    """Cabinet: the data layer of an AI application, in one PostgreSQL, over HTTP.

    Every flag has an environment variable, named in its help, which can also be set in a file .env. Without
    DATABASE_URL, Cabinet runs its own PostgreSQL in the data folder.
    """


main.use(
    {
        "upload": Source("upload", "upload_command", "Upload files, folders and web pages, over HTTP."),
        "search": Source("search", "search_command", "Search the documents, over HTTP."),
        "ask": Source("search", "ask_command", "Print a prompt with the sources for a question, over HTTP."),
        "document": Source("documents", "document", "List, read and delete documents, over HTTP."),
        "collection": Source("collections", "collection", "Manage and share collections of documents, over HTTP."),
        "chat": Source("chats", "chat", "List and read conversations, over HTTP."),
        "mcp": Source("mcp", "mcp_command", "Serve MCP to an assistant, on standard input and output."),
        "login": Source("login", "login_command", "Save a URL and a key for the commands over HTTP."),
        "logout": Source("login", "logout_command", "Delete the saved URL and key."),
        "serve": Source("serve", "serve", "Serve the HTTP API, with a worker, until Ctrl-C."),
        "worker": Source("worker", "worker", "Ingest uploaded documents until Ctrl-C."),
        "migrate": Source("migrate", "migrate", "Migrate the database to this release's schema, or roll back."),
        "roles": Source("roles", "roles", "Print the SQL that creates the roles of the service and of the owner."),
        "rls": Source("rls", "rls", "Turn row level security, a second barrier between users, on or off."),
        "index": Source("index", "index", "Build the HNSW indexes of large tenants, and drop those no longer needed."),
        "user": Source("users", "user_group", "Manage users."),
        "plan": Source("plan", "plan", "Show, add and change plans."),
        "usage": Source("usage", "usage", "Show the users' totals and daily usage."),
        "key": Source("keys", "key", "Manage API keys."),
        "export": Source("tenants", "export_command", "Write all data of a user to standard output."),
        "import": Source("tenants", "import_command", "Import the user of an export, in one transaction."),
        "backup": Source("backup", "backup_command", "Make a base backup of the embedded server."),
        "restore": Source("backup", "restore_command", "Restore a backup into a new data folder, up to any time."),
        "sql": Source("sql", "sql", "Read and explain the statements that Cabinet runs."),
        "doctor": Source("doctor", "doctor", "Examine a live database; print problems and their fixes."),
        "bench": Source("bench", "bench", "Measure the lanes of a search; print the settings that suit this machine."),
        "completion": Source("completion", "completion_command", "Print the completion script of a shell."),
        "demo": Source("demo", "demo", "Demonstrate Cabinet on a temporary service."),
    }
)

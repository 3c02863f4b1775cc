"""The first level of isolation: the parse tree proves that a statement touches only rows of its tenant."""

from __future__ import annotations

import pytest

from svc.app import all_endpoints
from svc.web.routing import Endpoint
from tests.catalogue.recorded import statements_of_routes
from tests.routes.endpoints import name_of
from tests.sql.checker import WITHOUT_TENANT, tenancy_faults
from tests.sql.conftest import Write
from tests.sql.tables import Tables
from tests.sql.tree import ast, children, parse, walk

HEADER = """\
-- documents/planted :exec
-- A statement that a careless hand could write.
-- $1 user_id     uuid  the tenant
-- $2 document_id uuid
"""

BOUND = {
    "one table": "select d.id from documents as d where d.user_id = $1::uuid and d.id = $2::uuid;",
    "the parameter on the left": "select d.id from documents as d where $1::uuid = d.user_id;",
    "a condition that is true": "select d.id from documents as d where (d.user_id = $1::uuid) is true;",
    "a column without its table": "select id from documents where user_id = $1::uuid;",
    "the tenant itself": "select u.email from users as u where u.id = $1::uuid;",
    "a join that carries the tenant": """
        select c.id from documents as d inner join chunks as c on d.user_id = c.user_id and d.id = c.document_id
        where d.user_id = $1::uuid;""",
    "an outer join that carries it to its optional side": """
        select u.id from users as u left join tenant_totals as v on u.id = v.user_id where u.id = $1::uuid;""",
    "a chain through two joins, in any order": """
        select c.id from chunks as c
        inner join documents as d on d.user_id = c.user_id
        inner join users as u on u.id = d.user_id
        where u.id = $1::uuid;""",
    "a subquery of its own": """
        select d.id from documents as d where d.user_id = $1::uuid
        and exists (select c.id from chunks as c where c.user_id = d.user_id and c.document_id = d.id);""",
    "a CTE that carries it": """
        with mine as (select d.user_id, d.id from documents as d where d.user_id = $1::uuid)
        select c.id from mine as m inner join chunks as c on c.user_id = m.user_id;""",
    "a CTE that renames it": """
        with mine (owner, thing) as (select d.user_id, d.id from documents as d where d.user_id = $1::uuid)
        select c.id from mine as m inner join chunks as c on c.user_id = m.owner;""",
    "a lateral query": """
        select c.id from documents as d
        cross join lateral (select k.id from chunks as k where k.user_id = d.user_id) as c
        where d.user_id = $1::uuid;""",
    "an insert from a CTE that returns it": """
        with made as (insert into documents (user_id, filename) values ($1::uuid, 'x') returning user_id, id)
        insert into document_contents (user_id, document_id) select m.user_id, m.id from made as m;""",
    "an update with a source": """
        update documents as d set error = null from chunks as c
        where d.user_id = $1::uuid and c.user_id = d.user_id and c.document_id = d.id;""",
    "an upsert on a key that begins with the tenant": """
        insert into tenant_totals as v (user_id, chunk_count) values ($1::uuid, 1)
        on conflict (user_id) do update set chunk_count = v.chunk_count + 1;""",
    "both arms of a union": """
        select d.id from documents as d where d.user_id = $1::uuid
        union all select c.id from chunks as c where c.user_id = $1::uuid;""",
    "no tenant's table at all": "select m.model from embedding_model as m;",
}

UNBOUND = {
    "no predicate": "select d.id from documents as d where d.id = $2::uuid;",
    "another parameter": "select d.id from documents as d where d.user_id = $2::uuid;",
    "another column": "select d.id from documents as d where d.id = $1::uuid;",
    "the tenant's table by another column": "select u.id from users as u where u.email = $1::uuid::text;",
    "or true": "select d.id from documents as d where d.user_id = $1::uuid or true;",
    "or something": "select d.id from documents as d where (d.user_id = $1::uuid or d.id = $2::uuid);",
    "not": "select d.id from documents as d where not d.user_id = $1::uuid;",
    "not true": "select d.id from documents as d where (d.user_id = $1::uuid) is not true;",
    "not false": "select d.id from documents as d where (d.user_id = $1::uuid) is not false;",
    "an alternative that is true": "select d.id from documents as d where (d.user_id = $1::uuid or true) is true;",
    "not equal": "select d.id from documents as d where d.user_id <> $1::uuid;",
    "at least": "select d.id from documents as d where d.user_id >= $1::uuid;",
    "coalesced": "select d.id from documents as d where d.user_id = coalesce($1::uuid, d.user_id);",
    "a null means all": "select d.id from documents as d where ($1::uuid is null or d.user_id = $1::uuid);",
    "in a case": "select d.id from documents as d where case when true then true else d.user_id = $1::uuid end;",
    "any of an array": "select d.id from documents as d where d.user_id = any(array[$1::uuid, $2::uuid]);",
    "itself": "select d.id from documents as d where d.user_id = d.user_id;",
    "cut short by a cast": "select d.id from documents as d where d.user_id::char = $1::char;",
    "in HAVING only": "select count(*) from documents as d group by d.user_id having d.user_id = $1::uuid;",
    "in the output only": "select d.user_id = $1::uuid from documents as d;",
    "a join without the tenant": """
        select c.id from documents as d inner join chunks as c on d.id = c.document_id where d.user_id = $1::uuid;""",
    "a cross join": "select c.id from documents as d, chunks as c where d.user_id = $1::uuid;",
    "an outer join whose ON is about its other side": """
        select d.id from documents as d left join chunks as c on d.user_id = $1::uuid and c.user_id = $1::uuid;""",
    "a right join whose ON is about its other side": """
        select c.id from documents as d right join chunks as c on d.user_id = $1::uuid and c.user_id = d.user_id;""",
    "a full join": """
        select d.id from documents as d full join chunks as c on d.user_id = c.user_id where d.user_id = $1::uuid;""",
    "a join by USING": """
        select c.id from documents as d inner join chunks as c using (user_id) where d.user_id = $1::uuid;""",
    "a subquery that forgets": """
        select d.id from documents as d where d.user_id = $1::uuid
        and exists (select c.id from chunks as c where c.document_id = d.id);""",
    "a subquery in the output": """
        select (select max(c.id::text) from chunks as c where c.document_id = d.id)
        from documents as d where d.user_id = $1::uuid;""",
    "a subquery on the left of IN": """
        select d.id from documents as d where d.user_id = $1::uuid
        and (select c.id from chunks as c) in (select d.id from documents as d where d.user_id = $1::uuid);""",
    "a subquery in ON": """
        select d.id from documents as d
        inner join chunks as c on c.user_id = d.user_id and c.id = (select m.id from messages as m)
        where d.user_id = $1::uuid;""",
    "a CTE that forgets": """
        with mine as (select d.id from documents as d) select m.id from mine as m;""",
    "a CTE nobody reads": """
        with gone as (delete from documents as d where d.id = $2::uuid)
        select u.id from users as u where u.id = $1::uuid;""",
    "a CTE that swaps its columns": """
        with mine (id, user_id) as (select d.user_id, d.id from documents as d where d.user_id = $1::uuid)
        select c.id from mine as m inner join chunks as c on c.user_id = m.user_id;""",
    "a derived table that swaps its columns": """
        select c.id
        from (select d.user_id, d.id from documents as d where d.user_id = $1::uuid) as m (id, user_id)
        inner join chunks as c on c.user_id = m.user_id;""",
    "a table under other columns' names": """
        select d.id from documents as d (user_id, x) where d.user_id = $1::uuid;""",
    "a lateral query that forgets": """
        select c.id from documents as d
        cross join lateral (select k.id from chunks as k where k.document_id = d.id) as c
        where d.user_id = $1::uuid;""",
    "one arm of a union": """
        select d.id from documents as d where d.user_id = $1::uuid union all select c.id from chunks as c;""",
    "a union's tenant from one arm": """
        with mixed as (select $1::uuid as user_id union all select $2::uuid as user_id)
        select c.id from mixed as m inner join chunks as c on c.user_id = m.user_id;""",
    "an update of all": "update documents as d set error = null where d.id = $2::uuid;",
    "an update whose source is bound and itself not": """
        update documents as d set error = null from chunks as c where c.user_id = $1::uuid and c.document_id = d.id;""",
    "an update whose source is not bound": """
        update documents as d set error = c.content from chunks as c
        where d.user_id = $1::uuid and c.document_id = d.id;""",
    "a row that changes its tenant": "update documents as d set user_id = $2::uuid where d.user_id = $1::uuid;",
    "a delete of all": "delete from documents as d where d.id = $2::uuid;",
    "a delete whose USING is bound and itself not": """
        delete from documents as d using chunks as c where c.user_id = $1::uuid and c.document_id = d.id;""",
    "an insert for another": "insert into documents (user_id, filename) values ($2::uuid, 'x');",
    "an insert whose second row is for another": """
        insert into documents (user_id, filename) values ($1::uuid, 'x'), ($2::uuid, 'y');""",
    "an insert without a tenant": "insert into documents (filename) values ('x');",
    "an insert in the wrong order": "insert into documents (filename, user_id) values ($1::uuid, 'x');",
    "an insert from another's rows": """
        insert into document_contents (user_id, document_id) select d.user_id, d.id from documents as d;""",
    "an insert of a default": "insert into documents default values;",
    "an upsert on a key without the tenant": """
        insert into documents as d (user_id, id) values ($1::uuid, $2::uuid)
        on conflict (id) do update set error = null;""",
    "an upsert by a constraint's name": """
        insert into documents as d (user_id, id) values ($1::uuid, $2::uuid)
        on conflict on constraint documents_pkey do update set error = null;""",
    "an upsert that gives the row away": """
        insert into documents as d (user_id, id) values ($1::uuid, $2::uuid)
        on conflict (user_id, id) do update set user_id = $2::uuid;""",
    "a table that nobody made": "select x.id from secrets as x where x.user_id = $1::uuid;",
    "another level's column without its table": """
        with every as (select d.id as other_id from documents as d where d.user_id = $1::uuid)
        select d.id from documents as d
        where (select e.other_id from every as e where user_id = $1::uuid) is not null;""",
    "a merge": """
        merge into documents as d using chunks as c on d.id = c.document_id
        when matched then delete;""",
    "a copy out": "copy documents to stdout;",
    "a copy in that begins with something else": "copy documents (id, user_id) from stdin with (format binary);",
}


@pytest.mark.parametrize("query", BOUND.values(), ids=BOUND.keys())
def test_a_bound_statement_is_proved(write: Write, tables: Tables, query: str) -> None:
    statement = write(f"{HEADER}{query}\n")

    assert tenancy_faults(statement, parse(statement.text)[0], tables) == []


@pytest.mark.parametrize("query", UNBOUND.values(), ids=UNBOUND.keys())
def test_an_unbound_statement_is_caught(write: Write, tables: Tables, query: str) -> None:
    statement = write(f"{HEADER}{query}\n")

    assert tenancy_faults(statement, parse(statement.text)[0], tables)


def test_a_statement_without_the_parameter_is_caught(write: Write, tables: Tables) -> None:
    header = HEADER.replace("user_id    ", "owner_id   ")
    statement = write(f"{header}select d.id from documents as d where d.user_id = $1::uuid;\n")

    messages = [message for _, message in tenancy_faults(statement, parse(statement.text)[0], tables)]

    assert messages == ["d.user_id is not tied to a tenant: no parameter is named user_id"]


# The statements without a tenant that any caller can run.
FOR_ANYBODY = {
    "keys/authenticate": "it tells who asks",
    "users/create_signed_in": "it creates the user of a token",
    "users/resolve": "it tells whom the admin, a token, or the owner of a collection names by the external id",
    "users/find_by_email": "it tells whom the owner of a collection names by the email address",
    "collection_readers/find_chunk": "it tells what others share with the caller, who is its reader",
    "collection_readers/find_chunks": "it tells what others share with the caller, who is its reader",
    "collection_readers/find_cited": "it tells what others share with the caller, who is its reader",
    "collection_readers/find_collections": "it tells what others share with the caller, who is its reader",
    "collection_readers/find_document": "it tells what others share with the caller, who is its reader",
    "collection_readers/list_collections": "it tells what others share with the caller, who is its reader",
    "server/health": "it counts, for the readiness check and the metrics",
    "server/queues": "it counts by plan, for the metrics",
}


@pytest.mark.parametrize("endpoint", all_endpoints(), ids=name_of)
def test_requests_of_users_run_only_bound_statements(endpoint: Endpoint) -> None:
    """The others run for the admin, and in workers and commands."""
    run = statements_of_routes()[f"{endpoint.method} {endpoint.path}"]

    if endpoint.access not in ("admin", "acting"):
        assert run & WITHOUT_TENANT <= FOR_ANYBODY.keys()


def test_the_proof_reads_the_whole_tree() -> None:
    """A node of the grammar that `children` did not reach would hide a query from the proof."""
    tree = parse(BOUND["a lateral query"])[0]

    assert sum(isinstance(node, ast.SelectStmt) for node in walk(tree)) == 2
    assert all(node is not None for node in children(tree))

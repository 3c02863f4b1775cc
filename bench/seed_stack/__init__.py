"""The same job done with an ORM: FastAPI and SQLAlchemy 2, as the crash course describes it that Cabinet answers.

Tables, indexes, pool, statements and routes are as it describes them; so a read pays for the pool's ping and for the
session's transaction. Where it leaves a choice, the choice is in its favour: statements are not logged, nobody is
authenticated, the vector of a search comes with the request, and the server is uvicorn on uvloop and httptools, as for
Cabinet.
"""

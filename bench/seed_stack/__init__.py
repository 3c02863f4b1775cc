"""The same service with an ORM, FastAPI and SQLAlchemy 2, as in the crash course to which Cabinet is an answer.

Tables, indexes, pool, statements and routes follow the course, so a read includes the pool's ping and the session's
transaction. Where the course leaves a choice, it is to the advantage of this stack: statements are not logged, requests
are not authenticated, the vector of a search is in the request, and the server is uvicorn on uvloop and httptools, as
for Cabinet.
"""

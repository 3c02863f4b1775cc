"""The routes, and the pool under them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from bench.seed_stack.models import Base
from bench.seed_stack.repositories import DocumentRepository, MessageRepository, SearchRepository, UserRepository


class SearchRequest(BaseModel):
    """A search with a given vector, so that no model is timed."""

    user_id: str
    embedding: list[float]
    limit: int = 5


def create_engine(url: str) -> AsyncEngine:
    """The engine, with the pool of the course; `url` is in libpq's form, over a Unix socket or TCP."""
    return create_async_engine(
        url.replace("postgresql://", "postgresql+asyncpg://", 1),
        poolclass=AsyncAdaptedQueuePool,
        pool_size=20,
        max_overflow=10,
        pool_timeout=30,
        pool_recycle=1800,
        pool_pre_ping=True,
    )


def create_app(url: str) -> FastAPI:
    """The application on the database at `url`."""
    engine = create_engine(url)
    sessions = async_sessionmaker(engine, expire_on_commit=False)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        yield
        await engine.dispose()

    async def get_session() -> AsyncIterator[AsyncSession]:
        async with sessions() as session:
            yield session

    # Without a response model, a row is returned unchanged, as in the course.
    app = FastAPI(lifespan=lifespan)

    @app.get("/users/{user_id}", response_model=None)
    async def get_user(user_id: str, session: Annotated[AsyncSession, Depends(get_session)]) -> Any:
        user = await UserRepository(session).get_by_id(user_id)
        if not user:
            raise HTTPException(404, "User not found")
        return user

    @app.get("/documents", response_model=None)
    async def list_documents(
        user_id: str, session: Annotated[AsyncSession, Depends(get_session)], limit: int = 10
    ) -> Any:
        return await DocumentRepository(session).recent(user_id, limit)

    @app.get("/conversations/{conversation_id}/messages", response_model=None)
    async def list_messages(
        conversation_id: str, session: Annotated[AsyncSession, Depends(get_session)], limit: int = 10
    ) -> Any:
        return await MessageRepository(session).recent(conversation_id, limit)

    @app.post("/search")
    async def search(request: SearchRequest, session: Annotated[AsyncSession, Depends(get_session)]) -> dict[str, Any]:
        results = await SearchRepository(session).search(request.user_id, request.embedding, request.limit)
        return {"results": results}

    return app

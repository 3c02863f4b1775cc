"""Cabinet: users, documents, vectors and conversations of an AI application, in one PostgreSQL."""

__version__ = "0.1.0"

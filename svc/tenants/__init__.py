"""Exports, imports and erases whole tenants."""

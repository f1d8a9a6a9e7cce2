"""The same as JSON, for programs: described at /api/openapi.json."""

from aligntax.dashboard.api.routes import router

__all__ = ["router"]

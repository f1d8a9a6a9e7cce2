"""One file a page; the API beside them."""

from fastapi import APIRouter

from aligntax.dashboard.pages import (
    checkpoints,
    exchanges,
    frontier,
    health,
    overview,
    policy,
    run_charts,
    runs,
    settings,
    side_by_side,
    trend,
    triggers,
    verdicts,
)

__all__ = ["PAGES"]

PAGES: tuple[APIRouter, ...] = (
    overview.router,
    trend.router,
    frontier.router,
    triggers.router,
    checkpoints.router,
    run_charts.router,
    runs.router,
    exchanges.router,
    side_by_side.router,
    verdicts.router,
    policy.router,
    settings.router,
    health.router,
)

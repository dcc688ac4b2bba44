"""Campaigns: the list, one with its figures, its report."""

from __future__ import annotations

import asyncio

from aiohttp import web

from admin.call import Call
from admin.endpoints import Api
from admin.errors import ApiError
from admin.masking import mask_results
from admin.schemas import CampaignAnswer, CampaignList, CampaignPath, ReportQuery
from ivr import queries
from ivr.report.build import build_results
from ivr.report.html import render_html
from ivr.results import Results

api = Api()

MOST_CAMPAIGNS = 500  # newest; the full web will page


@api.get("/api/campaigns")
async def campaigns(call: Call) -> CampaignList:
    """All campaigns with their figures, newest first."""
    found = await queries.list_campaigns(call.services.database, MOST_CAMPAIGNS)
    return CampaignList(campaigns=tuple(CampaignAnswer.model_validate(one) for one in found))


@api.get("/api/campaigns/{campaign_id}", errors=(404,))
async def campaign(call: Call, path: CampaignPath) -> CampaignAnswer:
    """One campaign with its figures."""
    found = await queries.campaign(call.services.database, path.campaign_id)
    if found is None:
        raise ApiError(404, "not_found")
    return CampaignAnswer.model_validate(found)


@api.get("/api/campaigns/{campaign_id}/results", errors=(404,))
async def campaign_results(call: Call, path: CampaignPath) -> Results:
    """The results of a campaign so far: the same document as report.json (docs/results.md)."""
    return await _results(call, path.campaign_id)


@api.get("/api/campaigns/{campaign_id}/report.html", media="text/html", errors=(404,))
async def campaign_report(call: Call, path: CampaignPath, query: ReportQuery) -> web.StreamResponse:
    """The report as one file to keep or to send on; it opens without a network."""
    results = await _results(call, path.campaign_id)
    page = await asyncio.to_thread(render_html, results, query.language)
    return web.Response(
        text=page,
        content_type="text/html",
        headers={"Content-Disposition": f'attachment; filename="report-{path.campaign_id}.html"'},
    )


async def _results(call: Call, campaign_id: int) -> Results:
    if await queries.campaign(call.services.database, campaign_id) is None:
        raise ApiError(404, "not_found")
    results = await build_results(call.services.database, campaign_id)
    return results if call.me.sees_numbers else await asyncio.to_thread(mask_results, results)

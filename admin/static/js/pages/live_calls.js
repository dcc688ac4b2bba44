import { html } from "../lib.js";
import { useLive, useNow } from "../live.js";
import { Link } from "../router.js";
import { Empty, Loading, StateBadge } from "../ui.js";
import { phone, useWords } from "../words.js";

/** A running time as 0:07, without words: it changes every second. */
const clock = (ms) => {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
};

/** All campaigns' live calls. */
export function LivePage() {
  const words = useWords();
  const live = useLive(null);
  return html`<header class="page-head"><div><h1>${words.t("live.title")}</h1><p class="faint">${words.t("live.lead")}</p></div></header>
    <${LineState} line=${live.line} /><${LiveTable} live=${live} />`;
}

/** Says when what is shown isn't fresh; nothing while all is well. */
export function LineState({ line }) {
  const words = useWords();
  if (line !== "broken") return html`<p class="visually-hidden" data-line=${line}></p>`;
  return html`<p class="notice" role="status" data-line=${line}>${words.t("live.broken")}</p>`;
}

export function LiveTable({ live, campaign = null }) {
  const words = useWords();
  const now = useNow();
  if (!live.snapshot) return live.line === "broken" ? "" : html`<${Loading} />`;
  const { calls, total, at } = live.snapshot;
  // Durations are counted on the server's clock: the viewer's may be wrong by minutes.
  const ahead_ms = live.snapshot.received_ms ? live.snapshot.received_ms - Date.parse(at) : 0;
  if (!calls.length) return html`<${Empty} title=${words.t("live.none")}>${words.t(campaign && campaign.state !== "running" ? "live.none_stopped" : "live.none_what")}<//>`;
  return html`<div class="table-box"><table class="live">
    <thead><tr><th>${words.t("column.phone")}</th>${!campaign && html`<th>${words.t("live.campaign")}</th>`}<th>${words.t("live.state")}</th>
      <th>${words.t("live.node")}</th><th class="wide">${words.t("live.heard")}</th><th class="number">${words.t("live.since")}</th></tr></thead>
    <tbody>${calls.map((call) => html`<tr key=${call.attempt_id}>
      <td data-label=${words.t("column.phone")}><${Link} href=${`/attempts/${call.attempt_id}`}>${phone(call.phone)}<//></td>
      ${!campaign && html`<td data-label=${words.t("live.campaign")}><${Link} href=${`/campaigns/${call.campaign_id}/live`}>${call.campaign}<//></td>`}
      <td data-label=${words.t("live.state")}><${StateBadge} kind="attempt_state" state=${call.state} /></td>
      <td data-label=${words.t("live.node")}>${call.current_node ? html`<code>${call.current_node}</code>` : html`<span class="faint">–</span>`}</td>
      <td data-label=${words.t("live.heard")} class="wide">${call.last_heard ? words.label("value", call.last_heard) : html`<span class="faint">–</span>`}</td>
      <td data-label=${words.t("live.since")} class="number">${call.rehearsed ? html`<span class="faint" title=${words.t("live.rehearsed")}>–</span>` : clock(now - ahead_ms - Date.parse(call.answered_at ?? call.started_at))}</td>
    </tr>`)}</tbody></table></div>
    ${total > calls.length && html`<p class="faint small">${words.t("live.more", { shown: words.count(calls.length), total: words.count(total) })}</p>`}`;
}

import { api } from "../api.js";
import { html } from "../lib.js";
import { useAnswer } from "../load.js";
import { Link } from "../router.js";
import { Answered, Empty, Progress, StateBadge } from "../ui.js";
import { useWords } from "../words.js";

export function Campaigns() {
  const words = useWords();
  const campaigns = useAnswer((signal) => api.campaigns(signal), []);
  return html`<header class="page-head"><div><h1>${words.t("campaigns.title")}</h1><p class="faint">${words.t("campaigns.lead")}</p></div>
      <button type="button" class="button" onClick=${campaigns.again}>${words.t("state.refresh")}</button></header>
    <${Answered} of=${campaigns}>${({ campaigns: rows }) => (rows.length ? html`<${List} rows=${rows} />`
      : html`<${Empty} title=${words.t("campaigns.none")}>${words.t("campaigns.none_what")} <code>make demo</code><//>`)}<//>`;
}

function List({ rows }) {
  const words = useWords();
  return html`<div class="table-box"><table class="campaigns">
    <thead><tr><th>${words.t("campaigns.name")}</th><th>${words.t("campaigns.state")}</th><th class="wide">${words.t("campaigns.progress")}</th>
      <th class="number">${words.t("campaigns.attempts")}</th><th class="number">${words.t("campaigns.connected")}</th>
      <th class="number">${words.t("campaigns.live")}</th><th>${words.t("campaigns.started")}</th></tr></thead>
    <tbody>${rows.map((row) => html`<tr key=${row.id}>
      <td data-label=${words.t("campaigns.name")}><${Link} href=${`/campaigns/${row.id}`} class="title">${row.name}<//>
        <small>${row.flow} · v${row.flow_version} · ${words.label("purpose", row.purpose)}</small></td>
      <td data-label=${words.t("campaigns.state")}><${StateBadge} kind="campaign_state" state=${row.state} /></td>
      <td data-label=${words.t("campaigns.progress")} class="wide"><div class="bar-row"><${Progress} done=${row.counts.done} total=${row.counts.contacts} label=${words.t("campaigns.progress")} />
        <span>${words.t("campaigns.done_of", { done: words.count(row.counts.done), total: words.count(row.counts.contacts) })}</span></div></td>
      <td data-label=${words.t("campaigns.attempts")} class="number">${words.count(row.counts.attempts)}</td>
      <td data-label=${words.t("campaigns.connected")} class="number">${words.count(row.counts.connected)}</td>
      <td data-label=${words.t("campaigns.live")} class="number">${row.counts.live ? html`<span class="live-count">${words.count(row.counts.live)}</span>` : html`<span class="faint">0</span>`}</td>
      <td data-label=${words.t("campaigns.started")}>${words.moment(row.started_at)}</td></tr>`)}</tbody></table></div>`;
}

import { api } from "../api.js";
import { html } from "../lib.js";
import { useLive } from "../live.js";
import { useAnswer } from "../load.js";
import { Link, useRoute } from "../router.js";
import { Answered, StateBadge } from "../ui.js";
import { useWords } from "../words.js";
import { Attempts } from "./attempts.js";
import { LineState, LiveTable } from "./live_calls.js";
import { Overview } from "./overview.js";
import { Report } from "./report.js";

const TABS = ["overview", "live", "attempts", "report"];

export function Campaign() {
  const words = useWords();
  const [id, tab = "overview"] = useRoute().parts;
  const campaign = useAnswer((signal) => api.campaign(id, signal), [id]);
  return html`<${Answered} of=${campaign}>${(found) => html`<${Page} campaign=${found} tab=${tab} />`}<//>`;
}

function Page({ campaign: loaded, tab }) {
  const words = useWords();
  const live = useLive(loaded.id);
  const campaign = { ...loaded, ...live.snapshot?.campaign };
  const { state, counts } = campaign;
  return html`<nav class="crumbs" aria-label=${words.t("nav.crumbs")}><${Link} href="/">${words.t("nav.campaigns")}<//></nav>
    <header class="page-head"><div><h1>${campaign.name} <${StateBadge} kind="campaign_state" state=${state} /></h1>
      <p class="facts"><span>${campaign.flow} · v${campaign.flow_version}</span><span>${words.label("purpose", campaign.purpose)}</span>
        <span>${words.label("language", campaign.language)}</span>
        <span>${words.t("campaign.concurrency", { count: campaign.concurrency })}</span></p></div></header>
    <nav class="tabs" aria-label=${words.t("campaign.tabs")}>${TABS.map((name) => html`<${Link} key=${name}
      href=${`/campaigns/${campaign.id}/${name}`} aria-current=${tab === name ? "page" : null}>${words.t(`tab.${name}`)}
      ${name === "live" && counts.live ? html`<span class="live-count">${counts.live}</span>` : ""}<//>`)}</nav>
    ${tab === "overview" && html`<${Overview} campaign=${campaign} counts=${counts} live=${live} />`}
    ${tab === "live" && html`<${LineState} line=${live.line} /><${LiveTable} live=${live} campaign=${campaign} />`}
    ${tab === "attempts" && html`<${Attempts} campaign=${campaign} />`}
    ${tab === "report" && html`<${Report} campaign=${campaign} />`}`;
}

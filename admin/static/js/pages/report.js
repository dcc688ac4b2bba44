import { mountReport } from "../../report/report.js";
import { api } from "../api.js";
import { loadECharts } from "../echarts.js";
import { html, useEffect, useRef, useState } from "../lib.js";
import { useAnswer } from "../load.js";
import { Answered, Empty, Failed, Icon } from "../ui.js";
import { useWords } from "../words.js";

/** The same report as report.html, drawn by the same code; its list of calls is the tab beside it. */
export function Report({ campaign }) {
  const words = useWords();
  const results = useAnswer((signal) => api.results(campaign.id, signal), [campaign.id]);
  return html`<div class="tools"><p class="faint grow">${words.t(campaign.state === "finished" ? "report.lead" : "report.lead_unfinished")}</p>
      <button type="button" class="button" onClick=${results.again}>${words.t("state.refresh")}</button>
      <a class="button" href=${api.reportFile(campaign.id, words.language)} download><${Icon} name="download" />${words.t("report.download")}</a></div>
    <${Answered} of=${results}>${(found) => (found.attempts.length ? html`<${Drawn} results=${found} />`
      : html`<${Empty} title=${words.t("report.none")}>${words.t("report.none_what")}<//>`)}<//>`;
}

function Drawn({ results }) {
  const words = useWords();
  const root = useRef(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    let takeDown = () => {};
    let gone = false;
    loadECharts().then((echarts) => {
      if (!gone) takeDown = mountReport(root.current, { results, words, echarts, table: false });
    }, () => setFailed(true));
    return () => { gone = true; takeDown(); };
  }, [results, words]);
  return failed ? html`<${Failed} problem=${{ code: "offline" }} />` : html`<div ref=${root}></div>`;
}

import { barOption, chartSet } from "../../report/charts.js";
import { loadECharts } from "../echarts.js";
import { html, useEffect, useRef, useState } from "../lib.js";
import { Progress, Tiles } from "../ui.js";
import { useWords } from "../words.js";
import { LineState, LiveTable } from "./live_calls.js";

const INTENTIONS = [["success", 3], ["strongly_interested", 1], ["interested", 5], ["declined", 4], ["unreachable", 6]];
const ROW_PX = 28;

export function Overview({ campaign, counts, live }) {
  const words = useWords();
  const rate = counts.dialled ? words.percent(counts.reached / counts.dialled) : "–";
  const outcomes = Object.entries(counts.outcomes).sort((a, b) => b[1] - a[1])
    .map(([name, value]) => ({ name: words.label("outcome", name), value, tint: name === "answered" ? 3 : name === "voicemail" ? 5 : 6 }));
  const intentions = INTENTIONS.map(([name, tint]) => ({ name: words.label("intention", name), value: counts.intentions[name] ?? 0, tint }));
  return html`<${LineState} line=${live.line} />
    <section class="card progress-card"><div><strong>${words.t("campaigns.done_of", { done: words.count(counts.done), total: words.count(counts.contacts) })}</strong>
      <span class="faint">${counts.contacts ? words.percent(counts.done / counts.contacts) : ""}</span></div>
      <${Progress} done=${counts.done} total=${counts.contacts} label=${words.t("campaigns.progress")} /></section>
    <${Tiles} tiles=${[
      [words.t("overview.live"), words.count(counts.live), words.t("overview.live_note", { most: words.count(campaign.concurrency) })],
      [words.t("overview.attempts"), words.count(counts.attempts), words.t("overview.attempts_note")],
      [words.t("overview.connected"), words.count(counts.connected), words.t("overview.connected_note")],
      [words.t("overview.rate"), rate, words.t("overview.rate_note")],
      [words.t("overview.talk"), counts.connected ? words.duration(counts.talk_s / counts.connected) : "–", words.t("overview.talk_note")],
      [words.t("overview.opted_out"), words.count(counts.opted_out), words.t("overview.opted_out_note")],
    ]} />
    <div class="two"><${BarCard} title=${words.t("chart.outcomes")} note=${words.t("chart.outcomes_note")} rows=${outcomes} />
      <${BarCard} title=${words.t("chart.intentions")} note=${words.t("overview.intentions_note")} rows=${intentions} /></div>
    <h2>${words.t("overview.now")}</h2><${LiveTable} live=${live} campaign=${campaign} />
    <details class="card about"><summary>${words.t("overview.about")}</summary><dl class="pairs">
      ${[
        ["about.created", `${words.full(campaign.created_at)} · ${campaign.created_by}`], ["about.started", words.full(campaign.started_at)],
        ["about.finished", words.full(campaign.finished_at)], ["about.recognizer", campaign.recognizer || words.t("about.keys_only")],
        ["about.timezone", campaign.timezone], ["about.seed", campaign.seed ?? "–"], ["about.hash", campaign.content_hash],
      ].map(([key, value]) => html`<dt key=${key}>${words.t(key)}</dt><dd>${value}</dd>`)}</dl></details>`;
}

function BarCard({ title, note, rows }) {
  const words = useWords();
  const box = useRef(null);
  const charts = useRef(null);
  const [echarts, setECharts] = useState(null);
  const total = rows.reduce((sum, row) => sum + row.value, 0);
  useEffect(() => { loadECharts().then((loaded) => setECharts(() => loaded), () => {}); }, []);
  useEffect(() => {
    if (!echarts || !total) return undefined;
    charts.current = chartSet(echarts, words);
    return () => { charts.current.dispose(); charts.current = null; };
  }, [echarts, words, total > 0]);
  // Figures change every second while calls run: the chart stays and moves.
  useEffect(() => { charts.current?.draw(box.current, barOption(rows, words, total)); }, [echarts, words, JSON.stringify(rows)]);
  return html`<section class="card"><h3>${title}</h3><p class="faint small">${note}</p>
    ${total ? html`<div ref=${box} class="chart" role="img" aria-label=${title} style=${{ height: `${Math.max(rows.length, 3) * ROW_PX}px` }}></div>`
      : html`<p class="quiet">${words.t("overview.no_calls")}</p>`}</section>`;
}

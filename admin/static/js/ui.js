// Small parts that pages share: states of loading, badges, progress, pages, icons.
import { html } from "./lib.js";
import { useWords } from "./words.js";

const ICONS = {
  campaigns: "M4 6h16M4 12h16M4 18h10",
  live: "M5 12h2l2.5-6 4 13 3-9 1.5 2h2",
  reference: "M8 7l-5 5 5 5M16 7l5 5-5 5",
  out: "M15 4h4v16h-4M10 8l-4 4 4 4M6 12h9",
  back: "M15 5l-7 7 7 7",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  sun: "M12 8a4 4 0 100 8 4 4 0 000-8M12 3v1M12 20v1M3 12h1M20 12h1M5.6 5.6l.7.7M17.7 17.7l.7.7M18.4 5.6l-.7.7M6.3 17.7l-.7.7",
  moon: "M20 14.5A8 8 0 119.5 4a6.5 6.5 0 0010.5 10.5z",
  auto: "M12 3a9 9 0 100 18 9 9 0 000-18zM12 3v18M12 7h6M12 12h9M12 17h6",
  play: "M8 5.5v13l11-6.5z",
  pause: "M8 5v14M16 5v14",
  rewind: "M4 5v5h5M4.6 10A8 8 0 1112 20",
};

export function Icon({ name, filled = false }) {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" fill=${filled ? "currentColor" : "none"}
    stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"><path d=${ICONS[name]} /></svg>`;
}

export function Loading() {
  const words = useWords();
  return html`<div class="state" role="status"><span class="spinner"></span>${words.t("state.loading")}</div>`;
}

/** What went wrong and what to do, with a button to try again. */
export function Failed({ problem, again }) {
  const words = useWords();
  return html`<div class="state failed" role="alert">
    <strong>${words.label("error", problem.code ?? "server_error")}</strong>
    ${again && html`<button type="button" class="button" onClick=${again}>${words.t("state.again")}</button>`}
  </div>`;
}

export function Empty({ title, children }) {
  return html`<div class="state empty"><strong>${title}</strong><p>${children}</p></div>`;
}

/** An answer's three states around what is shown when it is there. */
export function Answered({ of, children }) {
  if (of.answer) return html`<div class=${of.busy ? "stale" : ""}>${of.problem && html`<${Failed} ...${of} />`}${children(of.answer)}</div>`;
  if (of.problem) return html`<${Failed} ...${of} />`;
  return html`<${Loading} />`;
}

const STATE_TONES = {
  running: "good", paused: "warn", finished: "", draft: "", submitted: "", approved: "good",
  dialing: "", ringing: "warn", talking: "good", ended: "",
};
const OUTCOME_TONES = { answered: "good", voicemail: "info", failed: "bad", unknown: "warn", congestion: "warn" };
const INTENTION_TONES = { success: "good", strongly_interested: "info", interested: "info", declined: "bad", unreachable: "" };

export function StateBadge({ kind, state }) {
  const words = useWords();
  return html`<span class="badge ${STATE_TONES[state] ?? ""} ${state === "running" ? "pulse" : ""}">${words.label(kind, state)}</span>`;
}

export function Outcome({ attempt }) {
  const words = useWords();
  if (!attempt.outcome) return html`<${StateBadge} kind="attempt_state" state=${attempt.state} />`;
  return html`<span class="badge ${OUTCOME_TONES[attempt.outcome] ?? ""}">${words.label("outcome", attempt.outcome)}</span>`;
}

export function IntentionBadge({ intention }) {
  const words = useWords();
  if (!intention) return html`<span class="faint">–</span>`;
  return html`<span class="badge ${INTENTION_TONES[intention] ?? ""}">${words.label("intention", intention)}</span>`;
}

export function Progress({ done, total, label }) {
  const share = total ? done / total : 0;
  return html`<div class="progress" role="progressbar" aria-valuemin="0" aria-valuemax=${total} aria-valuenow=${done}
    aria-label=${label}><span style=${{ width: `${(share * 100).toFixed(1)}%` }}></span></div>`;
}

export function Pager({ page, perPage, total, onPage }) {
  const words = useWords();
  const pages = Math.max(1, Math.ceil(total / perPage));
  const from = total ? (page - 1) * perPage + 1 : 0;
  return html`<nav class="pager" aria-label=${words.t("table.pages")}>
    <span>${words.t("table.range", { from, to: Math.min(page * perPage, total), total: words.count(total) })}</span>
    <button type="button" class="button" disabled=${page <= 1} onClick=${() => onPage(page - 1)}>${words.t("table.previous")}</button>
    <button type="button" class="button" disabled=${page >= pages} onClick=${() => onPage(page + 1)}>${words.t("table.next")}</button>
  </nav>`;
}

export function Tiles({ tiles }) {
  return html`<dl class="tiles">${tiles.map(([name, figure, note]) => html`<div class="tile" key=${name}>
    <dt>${name}</dt><dd>${figure}${note && html`<small>${note}</small>`}</dd></div>`)}</dl>`;
}

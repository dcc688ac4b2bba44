import { answerLabel, reaction } from "../../report/format.js";
import { api } from "../api.js";
import { html, useMemo, useState } from "../lib.js";
import { useAnswer } from "../load.js";
import { Player } from "../player.js";
import { Link, useRoute } from "../router.js";
import { Answered, Empty, IntentionBadge, Outcome } from "../ui.js";
import { phone, useWords } from "../words.js";

export function Attempt() {
  const [id] = useRoute().parts;
  const attempt = useAnswer((signal) => api.attempt(id, signal), [id]);
  return html`<${Answered} of=${attempt}>${(found) => html`<${Page} attempt=${found} />`}<//>`;
}

function Page({ attempt }) {
  const words = useWords();
  const [seek, setSeek] = useState(null);
  const steps = useMemo(() => stepsOf(attempt), [attempt]);
  const marks = steps.flatMap((step) => step.answers).filter((answer) => answer.at_s !== null);
  return html`<nav class="crumbs" aria-label=${words.t("nav.crumbs")}><${Link} href="/">${words.t("nav.campaigns")}<//>
      <${Link} href=${`/campaigns/${attempt.campaign.id}`}>${attempt.campaign.name}<//>
      <${Link} href=${`/campaigns/${attempt.campaign.id}/attempts`}>${words.t("tab.attempts")}<//></nav>
    <header class="page-head"><div><h1 class="phone">${phone(attempt.phone)} <${Outcome} attempt=${attempt} /></h1>
      <p class="facts"><span>${words.full(attempt.started_at)}</span><span>${words.t("attempt.number", { number: attempt.number })}</span>${attempt.direction === "return" && html`<span>${words.t("attempt.returned")}</span>`}
        ${attempt.talk_s > 0 && html`<span>${words.t("attempt.talked", { time: words.duration(attempt.talk_s) })}</span>`}</p></div></header>
    ${attempt.recording ? html`<section class="card" aria-label=${words.t("detail.recording")}>
        <${Player} recording=${attempt.recording} marks=${marks} seek=${seek} /></section>`
      : html`<p class="card quiet">${words.t(attempt.state === "ended" ? "attempt.no_recording" : "attempt.no_recording_yet")}</p>`}
    <div class="split">
      <section class="card"><h2>${words.t("attempt.course")}</h2>
        ${steps.length ? html`<${Course} attempt=${attempt} steps=${steps} onSeek=${attempt.recording ? (at_s) => setSeek({ at_s }) : null} />`
          : html`<${Empty} title=${words.t("attempt.no_course")}>${words.t("attempt.no_course_what")}<//>`}</section>
      <${Facts} attempt=${attempt} />
    </div>`;
}

/** The path with each answer put to the visit of its node that it belongs to. */
function stepsOf(attempt) {
  const waiting = [...attempt.answers];
  const answered_ms = attempt.answered_at ? Date.parse(attempt.answered_at) : null;
  return attempt.path.map((node, index) => {
    const step = { node, answers: [] };
    // A node entered again takes the later answers: those before the next visit of the same node are its own.
    const again = attempt.path.indexOf(node, index + 1) >= 0;
    while (waiting.length && waiting[0].node === node) {
      const answer = waiting.shift();
      step.answers.push({ ...answer, at_s: answered_ms === null ? null : Math.max(0, (Date.parse(answer.given_at) - answered_ms) / 1000) });
      if (again) break;
    }
    return step;
  });
}

function Course({ attempt, steps, onSeek }) {
  const words = useWords();
  return html`<ol class="course">${steps.map((step, index) => html`<li key=${index} class=${step.answers.length ? "asked" : ""}>
      <code>${step.node}</code>${attempt.says[step.node] && html`<q>${attempt.says[step.node]}</q>`}${step.answers.map((answer) => html`<${Given} key=${answer.number} answer=${answer} onSeek=${onSeek} />`)}</li>`)}
    <li class="end">${attempt.hung_up_by ? words.t("attempt.hung_up", { who: words.label("hung_up_by", attempt.hung_up_by) }) : words.t("attempt.goes_on")}</li></ol>`;
}

function Given({ answer, onSeek }) {
  const words = useWords();
  const facts = [
    words.label("modality", answer.modality),
    answer.transcript && words.t("answer.quote", { text: answer.transcript }),
    answer.confidence !== null && words.t("answer.confidence", { value: words.percent(answer.confidence) }),
    reaction(answer.reaction_ms, words),
    answer.rule && words.t("answer.rule", { rule: words.label("rule", answer.rule) }),
  ].filter(Boolean);
  return html`<div class="answer"><div><span class="faint">${words.label("question", answer.name)}</span>
      <b>${answerLabel(words, answer.name, answer.value)}</b>${answer.pending && html`<span class="badge warn">${words.t("answer.pending")}</span>`}
      ${onSeek && answer.at_s !== null && html`<button type="button" class="link" onClick=${() => onSeek(Math.max(0, answer.at_s - 3))}>${words.t("attempt.hear", { at: words.duration(answer.at_s) })}</button>`}</div>
    <ul>${facts.map((fact) => html`<li key=${fact}>${fact}</li>`)}</ul></div>`;
}

function Facts({ attempt }) {
  const words = useWords();
  const pairs = [
    ["column.disposition", attempt.disposition ? words.label("disposition", attempt.disposition) : "–"],
    ["column.intention", html`<${IntentionBadge} intention=${attempt.intention} />`],
    ["attempt.outcome", html`<${Outcome} attempt=${attempt} />`],
    ["attempt.cause", attempt.cause ? html`<code>${attempt.cause}</code>` : "–"],
    ["detail.hung_up_by", attempt.hung_up_by ? words.label("hung_up_by", attempt.hung_up_by) : "–"],
    ["attempt.opted_out", words.t(attempt.opted_out ? "value.yes" : "value.no")],
    ["column.started", words.full(attempt.started_at)], ["attempt.ringing", words.time(attempt.ringing_at)],
    ["attempt.answered", words.time(attempt.answered_at)], ["attempt.ended", words.time(attempt.ended_at)],
    ["attempt.id", html`<code>${attempt.id}</code>`],
    attempt.recording && ["attempt.sha256", html`<code>${attempt.recording.sha256}</code>`],
  ].filter(Boolean);
  return html`<section class="card"><h2>${words.t("attempt.facts")}</h2>
    <dl class="pairs">${pairs.map(([key, value]) => html`<dt key=${key}>${words.t(key)}</dt><dd>${value}</dd>`)}</dl></section>`;
}

import { answerLabel } from "../../report/format.js";
import { api } from "../api.js";
import { html, useEffect, useRef } from "../lib.js";
import { useAnswer } from "../load.js";
import { Link, go, useRoute } from "../router.js";
import { Answered, Empty, Icon, IntentionBadge, Outcome, Pager } from "../ui.js";
import { phone, useWords } from "../words.js";

const TYPING_MS = 300;
const INTENTIONS = ["success", "strongly_interested", "interested", "declined", "unreachable"];
const OUTCOMES = ["answered", "voicemail", "busy", "rejected", "no_answer", "powered_off", "suspended", "invalid_number",
  "unreachable", "congestion", "cancelled", "failed", "unknown"];

/** The filters live in the address, so that a view can be shared, reloaded and gone back to. */
export function Attempts({ campaign }) {
  const words = useWords();
  const { query, path } = useRoute();
  const filters = Object.fromEntries(["q", "outcome", "intention", "page"].map((name) => [name, query.get(name) ?? ""]));
  const attempts = useAnswer((signal) => api.attempts(campaign.id, filters, signal), [campaign.id, query.toString()]);
  const typing = useRef(null);
  useEffect(() => () => clearTimeout(typing.current), []);

  const change = (part, options) => {
    const next = { ...filters, page: "", ...part };
    const text = new URLSearchParams(Object.entries(next).filter(([, value]) => value)).toString();
    go(text ? `${path}?${text}` : path, options);
  };
  const select = (name, all, kind, values) => html`<select aria-label=${words.t(`column.${name}`)} value=${filters[name]}
    onChange=${(event) => change({ [name]: event.target.value })}><option value="">${words.t(all)}</option>
    ${values.map((value) => html`<option key=${value} value=${value}>${words.label(kind, value)}</option>`)}</select>`;

  return html`<div class="tools"><input type="search" name="q" placeholder=${words.t("attempts.search")} aria-label=${words.t("attempts.search")}
      defaultValue=${filters.q} onInput=${(event) => {
        const q = event.target.value.trim();
        clearTimeout(typing.current);
        typing.current = setTimeout(() => change({ q }, { replace: true }), TYPING_MS);
      }} />
      ${select("outcome", "table.all_outcomes", "outcome", OUTCOMES)}${select("intention", "attempts.all_intentions", "intention", INTENTIONS)}</div>
    <${Answered} of=${attempts}>${(page) => (page.total ? html`<${List} rows=${page.attempts} />
      <${Pager} page=${page.page} perPage=${page.per_page} total=${page.total} onPage=${(number) => change({ page: String(number) })} />`
      : html`<${Empty} title=${words.t("attempts.none")}>${words.t(Object.values(filters).some(Boolean) ? "attempts.none_filtered" : "attempts.none_yet")}<//>`)}<//>`;
}

function List({ rows }) {
  const words = useWords();
  return html`<div class="table-box"><table class="attempts">
    <thead><tr><th>${words.t("column.started")}</th><th>${words.t("column.phone")}</th><th class="number">${words.t("column.number")}</th>
      <th>${words.t("column.outcome")}</th><th>${words.t("column.disposition")}</th><th>${words.t("column.intention")}</th>
      <th class="wide">${words.t("column.answers")}</th><th class="number">${words.t("column.talk")}</th><th><span class="visually-hidden">${words.t("detail.recording")}</span></th></tr></thead>
    <tbody>${rows.map((row) => html`<tr key=${row.id}>
      <td data-label=${words.t("column.started")}>${words.moment(row.started_at)}</td>
      <td data-label=${words.t("column.phone")}><${Link} href=${`/attempts/${row.id}`} class="title">${phone(row.phone)}<//></td>
      <td data-label=${words.t("column.number")} class="number">${row.number}</td>
      <td data-label=${words.t("column.outcome")}><${Outcome} attempt=${row} />${row.direction === "return" && html` <span class="chip">${words.t("attempt.returned")}</span>`}</td>
      <td data-label=${words.t("column.disposition")}>${row.disposition ? words.label("disposition", row.disposition) : html`<span class="faint">–</span>`}</td>
      <td data-label=${words.t("column.intention")}><${IntentionBadge} intention=${row.intention} /></td>
      <td data-label=${words.t("column.answers")} class="wide">${Object.entries(row.answers).map(([question, value]) => html`<span class="chip" key=${question}>
        ${words.label("question", question)} <b>${answerLabel(words, question, value)}</b></span>`)}</td>
      <td data-label=${words.t("column.talk")} class="number">${row.talk_s > 0 ? words.duration(row.talk_s) : html`<span class="faint">–</span>`}</td>
      <td>${row.has_recording && html`<${Link} href=${`/attempts/${row.id}`} class="icon-button" aria-label=${words.t("attempts.listen")} title=${words.t("attempts.listen")}>
        <${Icon} name="play" filled /><//>`}</td></tr>`)}</tbody></table></div>`;
}

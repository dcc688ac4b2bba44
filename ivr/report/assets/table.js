// The report's list of attempts: search, filter by outcome, sort by any column, pages; a row opens to show the call.
import { answerLabel, element, reaction } from "./format.js";

const ROWS_A_PAGE = 50;

const COLUMNS = [
  ["started", (attempt) => attempt.started_s], ["phone", (attempt) => attempt.phone],
  ["number", (attempt) => attempt.number], ["outcome", (attempt) => attempt.outcome],
  ["disposition", (attempt) => attempt.disposition], ["intention", (attempt) => attempt.intention ?? ""],
  ["answers", (attempt) => Object.keys(attempt.answers).length], ["talk", (attempt) => attempt.talk_s],
];

/** The table as one element. `recordings` is the address that recording names are below, or null for no links. */
export function attemptTable(attempts, words, recordings) {
  const state = { text: "", outcome: "", column: 0, falling: false, page: 0 };
  const body = element("tbody");
  const foot = element("div", { class: "rep-pager" });
  const heads = COLUMNS.map(([name], index) => element("th", { scope: "col" }, element("button", {
    type: "button", onclick: () => { sortBy(index); },
  }, words.t(`column.${name}`))));
  const outcomes = [...new Set(attempts.map((attempt) => attempt.outcome))].sort();

  function sortBy(index) {
    state.falling = state.column === index ? !state.falling : false;
    state.column = index;
    show(0);
  }

  function show(page) {
    const found = sorted(attempts.filter((attempt) => matches(attempt, state, words)), state);
    const pages = Math.max(1, Math.ceil(found.length / ROWS_A_PAGE));
    state.page = Math.min(Math.max(page, 0), pages - 1);
    const from = state.page * ROWS_A_PAGE;
    const rows = found.slice(from, from + ROWS_A_PAGE).flatMap((attempt) => rowsOf(attempt, words, recordings));
    const empty = element("tr", {}, element("td", { colspan: COLUMNS.length, class: "rep-none" }, words.t("table.none")));
    body.replaceChildren(...(rows.length ? rows : [empty]));
    foot.replaceChildren(
      element("span", {}, words.t("table.range", { from: found.length ? from + 1 : 0, to: Math.min(from + ROWS_A_PAGE, found.length), total: words.count(found.length) })),
      element("button", { type: "button", disabled: state.page === 0, onclick: () => show(state.page - 1) }, words.t("table.previous")),
      element("button", { type: "button", disabled: state.page >= pages - 1, onclick: () => show(state.page + 1) }, words.t("table.next")),
    );
    heads.forEach((head, index) => head.setAttribute("aria-sort",
      index !== state.column ? "none" : state.falling ? "descending" : "ascending"));
  }

  const search = element("input", {
    type: "search", placeholder: words.t("table.search"), "aria-label": words.t("table.search"),
    oninput: (event) => { state.text = event.target.value.trim().toLowerCase(); show(0); },
  });
  const select = element("select", {
    "aria-label": words.t("column.outcome"), onchange: (event) => { state.outcome = event.target.value; show(0); },
  }, element("option", { value: "" }, words.t("table.all_outcomes")),
  outcomes.map((outcome) => element("option", { value: outcome }, words.label("outcome", outcome))));
  show(0);
  return element("div", { class: "rep-table" },
    element("div", { class: "rep-tools" }, search, select),
    element("div", { class: "rep-scroll", tabindex: "0", role: "region", "aria-label": words.t("report.attempts") },
      element("table", {}, element("thead", {}, element("tr", {}, heads)), body)),
    foot);
}

function matches(attempt, state, words) {
  if (state.outcome && attempt.outcome !== state.outcome) return false;
  if (!state.text) return true;
  const said = Object.values(attempt.answers).map((answer) => answer.transcript ?? "");
  const shown = [words.label("disposition", attempt.disposition), words.label("intention", attempt.intention ?? "")];
  return [attempt.phone, attempt.cause, attempt.disposition, ...shown, ...said, ...attempt.path]
    .some((text) => text.toLowerCase().includes(state.text));
}

function sorted(attempts, state) {
  const key = COLUMNS[state.column][1];
  const way = state.falling ? -1 : 1;
  return attempts.sort((a, b) => {
    const [x, y] = [key(a), key(b)];
    return (typeof x === "number" ? x - y : String(x).localeCompare(String(y))) * way;
  });
}

function rowsOf(attempt, words, recordings) {
  const details = element("tr", { class: "rep-details", hidden: true });
  const open = element("button", {
    type: "button", class: "rep-open", "aria-expanded": "false", "aria-label": words.t("table.open"),
    onclick: () => {
      if (!details.childElementCount) details.append(detailCell(attempt, words, recordings));
      details.hidden = !details.hidden;
      open.setAttribute("aria-expanded", String(!details.hidden));
    },
  });
  const answers = Object.entries(attempt.answers).map(([question, answer]) => element("span", { class: "rep-chip" },
    `${words.label("question", question)} `, element("b", {}, answerLabel(words, question, answer.value))));
  return [element("tr", {},
    element("td", {}, open, words.duration(attempt.started_s)), element("td", { class: "rep-phone" }, attempt.phone),
    element("td", {}, String(attempt.number)),
    element("td", {}, element("span", { class: `rep-dot ${attempt.talk_s > 0 ? "rep-good" : ""}` }), words.label("outcome", attempt.outcome)),
    element("td", {}, words.label("disposition", attempt.disposition)),
    element("td", {}, attempt.intention ? words.label("intention", attempt.intention) : "–"),
    element("td", {}, answers.length ? answers : "–"),
    element("td", {}, attempt.talk_s > 0 ? words.duration(attempt.talk_s) : "–")), details];
}

function detailCell(attempt, words, recordings) {
  const facts = [
    ["detail.cause", [attempt.cause || "–", attempt.early_media && words.label("early_media", attempt.early_media)].filter(Boolean).join(" · ")],
    ["detail.ring", words.duration(attempt.ring_s)],
    ["detail.hung_up_by", words.label("hung_up_by", attempt.hung_up_by)],
    ["detail.trunk", [attempt.trunk || "–", attempt.caller_id].filter(Boolean).join(" · ")],
    ["detail.path", attempt.path.join(" → ") || "–"],
  ];
  for (const [question, answer] of Object.entries(attempt.answers)) {
    const parts = [answerLabel(words, question, answer.value), words.label("modality", answer.modality)];
    if (answer.transcript) parts.push(words.t("answer.quote", { text: answer.transcript }));
    if (answer.confidence !== null) parts.push(words.t("answer.confidence", { value: words.percent(answer.confidence) }));
    parts.push(reaction(answer.reaction_ms, words), answer.pending ? words.t("answer.pending") : null);
    facts.push([null, parts.filter(Boolean).join(" · "), words.label("question", question)]);
  }
  const list = element("dl", {}, facts.map(([key, value, name]) => [
    element("dt", {}, name ?? words.t(key)), element("dd", {}, value)]).flat());
  const link = recordings !== null && attempt.recording
    ? element("a", { href: recordings + attempt.recording.split("/").map(encodeURIComponent).join("/") }, words.t("detail.recording"))
    : null;
  return element("td", { colspan: COLUMNS.length }, list, link);
}

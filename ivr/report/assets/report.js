// The report of a campaign: headline figures, charts, and (in report.html) the list of attempts.
// The web's report tab and report.html both call `mountReport`; html.py joins these modules into one script.
import { barOption, chartSet, columnOption, ringOption } from "./charts.js";
import { gradeCounts, meanGrade, questionShape, spokenDispositions, topEntries } from "./figures.js";
import { element } from "./format.js";
import { attemptTable } from "./table.js";

const INTENTIONS = ["success", "strongly_interested", "interested", "declined", "unreachable"];
const INTENTION_TINTS = [3, 1, 5, 4, 6];
const YES_NO_TINTS = { yes: 3, no: 4 };
const CONSENTS = ["consent", "confirm", "offer", "willing"]; // the question whose "yes" a campaign is about
const REST = "\u0000rest"; // no value is called so
const SIDE_PATH = 0.2; // of the most answered question
const ROW_PX = 28;
const MOST_BARS = 10;

/** Draw `results` (as of docs/results.md) into `root`; returns a function that takes everything down again.
 *  `recordings`: the address that recording names are below, null for no links; `table`: with the attempts? */
export function mountReport(root, { results, words, echarts, recordings = null, table = true }) {
  const charts = chartSet(echarts, words);
  const waiting = [];
  const card = (title, note, height, option, wide = false) => {
    const box = element("div", { class: "rep-chart", role: "img", "aria-label": title });
    box.style.height = `${height}px`;
    waiting.push([box, option]);
    return element("figure", { class: `rep-card${wide ? " rep-wide" : ""}` },
      element("figcaption", {}, element("h3", {}, title), note ? element("p", {}, note) : null), box);
  };
  root.classList.add("rep");
  root.replaceChildren(
    headline(results, words),
    element("div", { class: "rep-grid" }, cards(results, words, card)),
    table ? element("section", {}, element("h2", {}, words.t("report.attempts")),
      results.attempts_left_out ? element("p", { class: "rep-note" }, words.t("report.left_out", {
        shown: words.count(results.attempts.length), left_out: words.count(results.attempts_left_out),
        campaign: results.summary.campaign })) : "",
      attemptTable([...results.attempts], words, recordings)) : "");
  // Only now, when the boxes have their width.
  for (const [box, option] of waiting) charts.draw(box, option);
  return () => { charts.dispose(); root.replaceChildren(); };
}

function headline({ summary }, words) {
  const graded = Object.entries(summary.answers).filter(([, counts]) => questionShape(counts) === "grades");
  const rating = graded.find(([question]) => question === "rating") ?? graded[0];
  const consent = CONSENTS.map((question) => summary.answers[question]).find(Boolean);
  const asked = consent ? Object.values(consent).reduce((sum, count) => sum + count, 0) : 0;
  const tiles = [
    ["contacts", words.count(summary.contacts), summary.rejected_rows
      ? words.t("tile.rejected", { count: words.count(summary.rejected_rows) }) : words.t("tile.none_rejected")],
    ["connected", words.count(summary.connected), words.t("tile.of_attempts", { count: words.count(summary.attempts) })],
    ["contact_rate", words.percent(summary.contact_rate), words.t("tile.contact_rate_note")],
    asked ? ["consent", words.percent((consent.yes ?? 0) / asked), words.t("tile.of_answers", { count: words.count(asked) })] : null,
    rating ? ["rating", words.decimal(meanGrade(rating[1]), 2), words.t("tile.of_ratings", {
      count: words.count(gradeCounts(rating[1]).reduce((sum, count) => sum + count, 0)) })] : null,
    ["talk", words.duration(summary.mean_talk_s), words.t("tile.talk_note", { total: words.duration(summary.talk_s) })],
    summary.successes ? ["success", words.count(summary.successes), words.t("tile.success_note", {
      confirmed: words.count(summary.confirmed_successes), waiting: words.count(summary.unconfirmed_successes) })] : null,
    summary.returned ? ["returned", words.count(summary.returned), words.t("tile.returned_note", {
      successes: words.count(summary.returned_successes) })] : null,
    ["opted_out", words.count(summary.opted_out), words.t("tile.opted_out_note")],
  ].filter(Boolean);
  return element("div", { class: "rep-tiles" }, tiles.map(([key, figure, note]) => element("div", { class: "rep-tile" },
    element("span", { class: "rep-name" }, words.t(`tile.${key}`)), element("strong", {}, figure),
    element("span", { class: "rep-note" }, note))));
}

function cards(results, words, card) {
  const { summary, charts } = results;
  const bars = (title, note, entries, total, kind, tint) => {
    const rows = entries.map(([value, count], index) => ({
      name: value === REST ? words.t("chart.rest") : kind ? words.label(kind, value) : value, value: count, tint: typeof tint === "function" ? tint(value, index) : tint,
    }));
    return rows.length ? card(title, note, Math.max(rows.length, 3) * ROW_PX, barOption(rows, words, total)) : null;
  };
  const falling = (counts) => topEntries(counts, MOST_BARS, REST);
  const spoken = spokenDispositions(summary);
  const sum = (counts) => Object.values(counts).reduce((total, count) => total + count, 0);
  // Side paths (a call back asked for by one in fifty) come after the questions that everybody is asked.
  const questions = Object.entries(summary.answers);
  const most = Math.max(...questions.map(([, counts]) => sum(counts)));
  const asksMany = ([, counts]) => sum(counts) >= most * SIDE_PATH;
  const drawn = ([question, counts]) => questionCard(question, counts, words, card, bars);
  const intentions = INTENTIONS.map((name) => [name, summary.intentions[name] ?? 0]);
  return [
    bars(words.t("chart.funnel"), words.t("chart.funnel_note"), Object.entries(charts.funnel), summary.contacts, "funnel", 1),
    bars(words.t("chart.outcomes"), words.t("chart.outcomes_note"), falling(summary.outcomes), summary.attempts,
      "outcome", (value) => (value === "answered" ? 3 : value === "voicemail" ? 5 : 6)),
    sum(summary.intentions) ? bars(words.t("chart.intentions"), words.t("chart.intentions_note"), intentions,
      sum(summary.intentions), "intention", (_, index) => INTENTION_TINTS[index]) : null,
    bars(words.t("chart.dispositions"), words.t("chart.dispositions_note"), falling(spoken),
      sum(spoken), "disposition", 1),
    ...questions.filter(asksMany).map(drawn),
    modalityCard(summary, words, card),
    ...timeCards(charts, words, card),
    ...questions.filter((question) => !asksMany(question)).map(drawn),
    bars(words.t("chart.hang_up"), words.t("chart.hang_up_note"), falling(charts.hang_ups), null, null, 4),
  ].filter(Boolean);
}

function questionCard(question, counts, words, card, bars) {
  const name = words.label("question", question);
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const title = words.t("chart.question", { question: name });
  if (!total) return null;
  if (questionShape(counts) === "grades") {
    const note = words.t("chart.grades_note", { mean: words.decimal(meanGrade(counts), 2), count: words.count(total) });
    const labels = ["1", "2", "3", "4", "5"].map((grade) => words.t("chart.grade", { grade }));
    return card(title, note, 196, columnOption(labels, [{ name, values: gradeCounts(counts), tint: 2 }], words));
  }
  const entries = topEntries(counts, MOST_BARS, REST);
  const label = (value) => (words.label(`value.${question}`, value) === value ? words.label("value", value) : words.label(`value.${question}`, value));
  if (questionShape(counts) === "bars") return bars(title, null, entries.map(([value, count]) => [value === REST ? REST : label(value), count]), total, null, 1);
  const rows = entries.map(([value, count], index) => ({ name: label(value), value: count, tint: YES_NO_TINTS[value] ?? [1, 2, 5][index] }));
  return card(title, null, 196, ringOption(rows, words, { figure: words.count(total), words: words.t("chart.answers") }));
}

function modalityCard(summary, words, card) {
  const tints = { speech: 1, keys: 2, agent: 5 };
  const rows = Object.entries(summary.modalities).filter(([, count]) => count)
    .map(([name, value]) => ({ name: words.label("modality", name), value, tint: tints[name] ?? 6 }));
  const total = rows.reduce((sum, row) => sum + row.value, 0);
  const middle = { figure: words.count(total), words: words.t("chart.answers") };
  return rows.length ? card(words.t("chart.modalities"), words.t("chart.modalities_note"), 196, ringOption(rows, words, middle)) : null;
}

function timeCards(charts, words, card) {
  const edge = (index, step) => (step < 60 ? String(index * step) : step < 3600 ? String((index * step) / 60) : String((index * step) / 3600));
  const unit = (step) => words.t(step < 60 ? "axis.seconds" : step < 3600 ? "axis.minutes" : "axis.hours");
  const labels = (count, step) => Array.from({ length: count }, (_, index) => `${edge(index, step)}–${edge(index + 1, step)}`);
  const spoken = charts.talk.some(Boolean)
    ? card(words.t("chart.talk"), words.t("chart.talk_note"), 212, columnOption(labels(charts.talk.length, charts.talk_step_s),
      [{ name: "", values: charts.talk, tint: 1 }], words, { axis: unit(charts.talk_step_s) })) : null;
  const series = [
    { name: words.t("chart.connected"), values: charts.connected, tint: 3 },
    { name: words.t("chart.not_connected"), values: charts.others, tint: 6 },
  ];
  const starts = charts.connected.map((_, index) => edge(index, charts.time_step_s));
  return [spoken, starts.length > 1 ? card(words.t("chart.over_time"), words.t("chart.over_time_note"), 212,
    columnOption(starts, series, words, { axis: unit(charts.time_step_s) })) : null];
}

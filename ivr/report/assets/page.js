// What report.html does by itself: its head, the language switch, and the report below.
import { element, speaker } from "./format.js";
import { mountReport } from "./report.js";

const SHOWN_HASH_CHARS = 12;
const NAMES = { "zh-CN": "中文", en: "English" };

const data = JSON.parse(document.getElementById("data").textContent);
let takeDown = () => {};

function show(language) {
  const words = speaker(data.dictionaries[language], language);
  const { summary } = data.results;
  takeDown();
  document.documentElement.lang = language;
  document.title = `${summary.campaign} · ${words.t("report.title")}`;
  document.querySelector("h1").textContent = summary.campaign;
  document.querySelector(".rep-facts").replaceChildren(...facts(summary, words).map((fact) => element("span", {}, fact)));
  document.querySelector("footer").textContent = words.t("report.footer");
  const group = document.querySelector(".rep-languages");
  group.setAttribute("aria-label", words.t("report.language"));
  group.replaceChildren(...Object.keys(data.dictionaries).map((name) => element("button", {
    type: "button", lang: name, "aria-pressed": String(name === language), onclick: () => show(name),
  }, NAMES[name] ?? name)));
  takeDown = mountReport(document.getElementById("report"), {
    results: data.results, words, echarts: window.echarts, recordings: data.recordings,
  });
}

function facts(summary, words) {
  return [
    words.t("report.title"),
    words.t("report.flow", { flow: summary.flow, version: summary.flow_version.slice(0, SHOWN_HASH_CHARS) }),
    summary.recognizer && summary.recognizer !== "none"
      ? words.t("report.recognizer", { name: summary.recognizer }) : words.t("report.no_recognizer"),
    summary.seed === null ? null : words.t("report.seed", { seed: summary.seed }),
    words.t(summary.finished ? "report.finished" : "report.unfinished"),
  ].filter(Boolean);
}

show(data.language);

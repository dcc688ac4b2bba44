// The page's language: dictionaries of the pages and of the report, one speaker, kept in the browser.
import { createContext, useContext } from "./lib.js";
import { speaker } from "../report/format.js";

export const LANGUAGES = [["zh-CN", "中文"], ["en", "English"]];
const KEY = "ivr.language";

export const Words = createContext(null);
export const useWords = () => useContext(Words);

export function chosenLanguage() {
  return localStorage.getItem(KEY) === "en" ? "en" : "zh-CN";
}

/** Load a language's words and make it the page's. */
export async function loadWords(language) {
  const files = [`/static/report/report.${language}.json`, `/static/i18n/${language}.json`];
  const parts = await Promise.all(files.map((file) => fetch(file).then((answer) => answer.json())));
  localStorage.setItem(KEY, language);
  document.documentElement.lang = language;
  return withMoments(speaker(Object.assign({}, ...parts), language));
}

/** Dates in the viewer's own time zone, the day left out when it is today. */
function withMoments(words) {
  const time = new Intl.DateTimeFormat(words.language, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  const day = new Intl.DateTimeFormat(words.language, { month: "2-digit", day: "2-digit" });
  const full = new Intl.DateTimeFormat(words.language, { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });
  return {
    ...words,
    time: (moment) => (moment ? time.format(new Date(moment)) : "–"),
    moment: (moment) => {
      if (!moment) return "–";
      const date = new Date(moment);
      const today = new Date().toDateString() === date.toDateString();
      return today ? time.format(date) : `${day.format(date)} ${time.format(date)}`;
    },
    full: (moment) => (moment ? full.format(new Date(moment)) : "–"),
  };
}

/** +8613800000001 as people read it; masked numbers keep their stars. Others stay as they are. */
export function phone(number) {
  const found = /^\+86(1[\d*]{2})([\d*]{4})([\d*]{4})$/.exec(number);
  return found ? `${found[1]} ${found[2]} ${found[3]}` : number;
}

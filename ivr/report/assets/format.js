// Words, numbers and elements for the report and the web pages. Text goes in as text nodes only, never as markup.

/** Make an element. `attributes` may hold `on…` listeners; children are nodes or text; null is left out. */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** What a page needs to speak one language: `t` fills a sentence in, `label` names a value of a known kind. */
export function speaker(dictionary, language) {
  const number = new Intl.NumberFormat(language);
  const rate = new Intl.NumberFormat(language, { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });
  const t = (key, params = {}) =>
    (dictionary[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => String(params[name] ?? whole));
  return {
    language,
    t,
    label: (kind, value) => dictionary[`${kind}.${value}`] ?? (kind === "disposition" ? dictionary[`outcome.${value}`] : null)
      ?? String(value), // where nobody answered, the disposition is the network outcome's name
    count: (value) => number.format(value),
    percent: (value) => rate.format(value),
    decimal: (value, digits = 1) =>
      new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value),
    duration: (seconds) => duration(seconds, t),
  };
}

/** "42 s", "3:05 min" or "2:10 h", in the page's words: seconds, minutes and hours need no second look. */
function duration(seconds, t) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 59.95) return t("unit.seconds", { value: seconds < 10 ? seconds.toFixed(1) : Math.round(seconds) });
  const whole = Math.round(seconds);
  const pad = (value) => String(value).padStart(2, "0");
  if (whole < 3600) return t("unit.minutes", { value: `${Math.floor(whole / 60)}:${pad(whole % 60)}` });
  return t("unit.hours", { value: `${Math.floor(whole / 3600)}:${pad(Math.floor((whole % 3600) / 60))}` });
}

/** Milliseconds of reaction as seconds with one digit and its sign (negative: talked over the prompt). */
export function reaction(milliseconds, words) {
  if (milliseconds === null || milliseconds === undefined) return null;
  const key = milliseconds < 0 ? "answer.over_prompt" : "answer.after";
  return words.t(key, { value: Math.abs(milliseconds / 1000).toFixed(1) });
}

/** What one answer's value is called: question-specific words first, then general ones, then the value itself. */
export function answerLabel(words, question, value) {
  const special = words.label(`value.${question}`, value);
  return special === String(value) ? words.label("value", value) : special;
}

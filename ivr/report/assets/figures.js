// Figures of the report that the summary doesn't hold, counted from its attempts. Pure functions over plain data.

const GRADES = ["1", "2", "3", "4", "5"];

/** How a question is best drawn: grades 1–5 as columns, two or three answers as a ring, more as bars. */
export function questionShape(counts) {
  const values = Object.keys(counts);
  if (values.length && values.every((value) => GRADES.includes(value))) return "grades";
  return values.length === 2 || values.length === 3 ? "ring" : "bars";
}

/** Entries by falling count, what comes after the first `most - 1` summed up under `rest`. */
export function topEntries(counts, most, rest) {
  const entries = Object.entries(counts).sort((a, b) => b[1] - a[1]);
  if (entries.length <= most) return entries;
  const others = entries.slice(most - 1).reduce((sum, [, count]) => sum + count, 0);
  return [...entries.slice(0, most - 1), [rest, others]];
}

/** Dispositions of contacts who talked: without those that only repeat the network's outcome. */
export function spokenDispositions({ dispositions, outcomes }) {
  return Object.fromEntries(Object.entries(dispositions).filter(([name]) => name === "answered" || !(name in outcomes)));
}

export function gradeCounts(counts) {
  return GRADES.map((grade) => counts[grade] ?? 0);
}

export function meanGrade(counts) {
  const total = gradeCounts(counts).reduce((sum, count) => sum + count, 0);
  return total ? GRADES.reduce((sum, grade) => sum + Number(grade) * (counts[grade] ?? 0), 0) / total : null;
}

/** A bin's width that a person would choose: 1, 2 or 5 times a power of ten (or of sixty seconds), at most `bins`. */
export function niceStep(span, bins) {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 86400];
  return steps.find((step) => span / step <= bins) ?? Math.ceil(span / bins / 86400) * 86400;
}

/** Values counted into bins of equal width from zero: {step, counts}; bin i is [i·step, (i+1)·step). */
export function histogram(values, bins) {
  const most = values.reduce((top, value) => Math.max(top, value), 0);
  const step = niceStep(most + 1e-9, bins);
  const counts = new Array(Math.floor(most / step) + 1).fill(0);
  for (const value of values) counts[Math.floor(value / step)] += 1;
  return { step, counts };
}

/** Talk times of the connected attempts. */
export function talkTimes(attempts) {
  return histogram(attempts.filter((attempt) => attempt.talk_s > 0).map((attempt) => attempt.talk_s), 12);
}

/** Calls over the campaign's time, connected and not: {step, connected, others}. */
export function overTime(attempts) {
  const { step, counts } = histogram(attempts.map((attempt) => attempt.started_s), 16);
  const connected = new Array(counts.length).fill(0);
  for (const attempt of attempts) if (attempt.talk_s > 0) connected[Math.floor(attempt.started_s / step)] += 1;
  return { step, connected, others: counts.map((count, index) => count - connected[index]) };
}

/** In which node the callee hung up, node -> count. */
export function hangUpNodes(attempts) {
  const nodes = new Map();
  for (const attempt of attempts) {
    if (attempt.hung_up_by !== "callee" || attempt.talk_s <= 0 || !attempt.path.length) continue;
    const node = attempt.path[attempt.path.length - 1];
    nodes.set(node, (nodes.get(node) ?? 0) + 1);
  }
  return Object.fromEntries(nodes);
}

/** From the list to the aim: contacts, dialled, connected, answered something, success. */
export function funnel(results) {
  const contacts = new Map();
  for (const attempt of results.attempts) {
    const seen = contacts.get(attempt.phone) ?? { connected: false, answered: false, success: false };
    seen.connected ||= attempt.talk_s > 0;
    seen.answered ||= Object.keys(attempt.answers).length > 0;
    seen.success ||= attempt.intention === "success";
    contacts.set(attempt.phone, seen);
  }
  const people = [...contacts.values()];
  const having = (field) => people.filter((person) => person[field]).length;
  return [
    ["contacts", results.summary.contacts], ["dialled", people.length], ["connected", having("connected")],
    ["answered", having("answered")], ["success", having("success")],
  ];
}

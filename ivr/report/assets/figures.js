// Figures of the report that the summary doesn't hold. Pure functions over plain data.

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

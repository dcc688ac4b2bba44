// Copies the browser libraries and their licences from node_modules into the tree: `npm run vendor`.
// The copies are committed, so that neither an operator nor a test needs npm (docs/decisions/0080-pages-without-a-build.md).
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";

const MODULES = "node_modules/";
const WEB = "admin/static/vendor/";
const REPORT = "ivr/report/assets/";
const FILES = [
  ["preact/dist/preact.mjs", `${WEB}preact.min.js`],
  ["preact/hooks/dist/hooks.mjs", `${WEB}preact-hooks.min.js`],
  ["preact/LICENSE", `${WEB}preact.LICENSE`],
  ["htm/dist/htm.mjs", `${WEB}htm.min.js`],
  ["htm/LICENSE", `${WEB}htm.LICENSE`],
  ["echarts/dist/echarts.simple.min.js", `${REPORT}echarts.simple.min.js`],
  ["echarts/LICENSE", `${REPORT}echarts.LICENSE`],
  ["zrender/LICENSE", `${REPORT}zrender.LICENSE`], // bundled in ECharts
  ["echarts/NOTICE", `${REPORT}echarts.NOTICE`],
];

mkdirSync(WEB, { recursive: true });
for (const [from, to] of FILES) {
  // Source maps aren't shipped, so the line that points to them goes.
  writeFileSync(to, readFileSync(MODULES + from, "utf8").replace(/\n?\/\/# sourceMappingURL=\S+\s*$/, "\n"));
}

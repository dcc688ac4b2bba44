import { html } from "../lib.js";
import { Answered } from "../ui.js";
import { useWords } from "../words.js";
import { useAnswer } from "../load.js";
import { api } from "../api.js";

/** The API as it describes itself: every endpoint, its parameters and answers. */
export function Reference() {
  const words = useWords();
  const description = useAnswer((signal) => api.description(signal), []);
  return html`<header class="page-head"><div><h1>${words.t("reference.title")}</h1><p class="faint">${words.t("reference.lead")}</p></div>
      <a class="button" href="/api/openapi.json" download>openapi.json</a></header>
    <${Answered} of=${description}>${({ paths }) => Object.entries(paths).flatMap(([path, methods]) => Object.entries(methods).map(
      ([method, operation]) => html`<${Operation} key=${method + path} path=${path} method=${method} operation=${operation} />`))}<//>`;
}

function Operation({ path, method, operation }) {
  const words = useWords();
  const body = operation.requestBody && schemaName(Object.values(operation.requestBody.content)[0].schema);
  return html`<details class="card operation"><summary><span class="method ${method}">${method.toUpperCase()}</span><code>${path}</code><span class="faint" lang="en">${operation.summary}</span></summary>
    ${operation.description && html`<p lang="en">${operation.description}</p>`}
    ${operation.parameters && html`<h3>${words.t("reference.parameters")}</h3><dl class="pairs" lang="en">${operation.parameters.map((one) => html`<dt key=${one.name}><code>${one.name}</code> <span class="faint">${one.in}</span></dt><dd>${one.description}</dd>`)}</dl>`}
    ${body && html`<h3>${words.t("reference.body")}</h3><p><code>${body}</code></p>`}
    <h3>${words.t("reference.answers")}</h3><dl class="pairs" lang="en">${Object.entries(operation.responses).map(([status, answer]) => html`<dt key=${status}>${status}</dt>
      <dd>${answer.description} ${answer.content && html`<code>${schemaName(Object.values(answer.content)[0].schema)}</code>`}</dd>`)}</dl></details>`;
}

const schemaName = (schema) => schema.$ref?.split("/").pop() ?? schema.type;

// The API as the pages use it. Every failure is an ApiProblem with a code that the dictionaries translate.

export class ApiProblem extends Error {
  constructor(code, status, retryAfterS) {
    super(code);
    this.code = code;
    this.status = status;
    this.retryAfterS = retryAfterS;
  }
}

let onSignedOut = () => {};

/** `listener` is called when the server no longer knows us. */
export function whenSignedOut(listener) {
  onSignedOut = listener;
}

async function call(method, path, { query, body, signal } = {}) {
  let answer;
  try {
    answer = await fetch(address(path, query), {
      method, signal, headers: body ? { "Content-Type": "application/json" } : {},
      body: body ? JSON.stringify(body) : undefined,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiProblem("offline", 0);
  }
  if (answer.status === 204) return null;
  const content = await answer.json().catch(() => null);
  if (answer.ok && content !== null) return content;
  const problem = new ApiProblem(content?.code ?? "server_error", answer.status, Number(answer.headers.get("Retry-After")) || null);
  if (problem.code === "not_signed_in") onSignedOut();
  throw problem;
}

/** A path with the query's values that aren't empty. */
export function address(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return given.length ? `${path}?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}` : path;
}

export const api = {
  session: (signal) => call("GET", "/api/session", { signal }),
  signIn: (name, password) => call("POST", "/api/session", { body: { name, password } }),
  signOut: () => call("DELETE", "/api/session"),
  campaigns: (signal) => call("GET", "/api/campaigns", { signal }),
  campaign: (id, signal) => call("GET", `/api/campaigns/${id}`, { signal }),
  attempts: (id, query, signal) => call("GET", `/api/campaigns/${id}/attempts`, { query, signal }),
  results: (id, signal) => call("GET", `/api/campaigns/${id}/results`, { signal }),
  attempt: (id, signal) => call("GET", `/api/attempts/${encodeURIComponent(id)}`, { signal }),
  liveEvents: (campaignId) => address("/api/live/events", { campaign_id: campaignId }),
  reportFile: (id, language) => address(`/api/campaigns/${id}/report.html`, { language }),
  description: (signal) => call("GET", "/api/openapi.json", { signal }),
  recording: (id) => `/api/recordings/${id}`,
  recordingFile: (id) => `/api/recordings/${id}?download=true`,
};

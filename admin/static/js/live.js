// Live calls: one event stream, closed while the page is hidden, opened again when it breaks.
import { api } from "./api.js";
import { useEffect, useState } from "./lib.js";

const SLOWEST_S = 30;

/** The newest snapshot and how the line is: {snapshot, line: "connecting" | "open" | "broken"}. */
export function useLive(campaignId) {
  const [state, setState] = useState({ snapshot: null, line: "connecting" });
  useEffect(() => {
    let source = null;
    let timer = null;
    let waitS = 1;
    const open = () => {
      source = new EventSource(api.liveEvents(campaignId));
      source.addEventListener("live", (event) => {
        waitS = 1;
        setState({ snapshot: { ...JSON.parse(event.data), received_ms: Date.now() }, line: "open" });
      });
      source.addEventListener("error", () => {
        // The browser tries again by itself after a break, but gives up on an answer like 401 or 429.
        setState((before) => ({ ...before, line: "broken" }));
        if (source.readyState !== EventSource.CLOSED) return;
        timer = setTimeout(open, waitS * 1000);
        waitS = Math.min(waitS * 2, SLOWEST_S);
      });
    };
    const close = () => { source?.close(); clearTimeout(timer); };
    const visibility = () => { close(); if (!document.hidden) open(); };
    document.addEventListener("visibilitychange", visibility);
    window.addEventListener("pagehide", close);
    if (!document.hidden) open();
    return () => {
      document.removeEventListener("visibilitychange", visibility);
      window.removeEventListener("pagehide", close);
      close();
    };
  }, [campaignId]);
  return state;
}

/** A clock for running durations: the seconds since `moment`, ticking. */
export function useNow(everyMs = 1000) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

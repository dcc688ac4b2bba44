// Asking the API from a view: loading, failed (with a way to try again), or there.
import { useCallback, useEffect, useState } from "./lib.js";

/** `ask(signal)` is called when any of `inputs` changes; the last answer stays while a new one is on its way. */
export function useAnswer(ask, inputs) {
  const [state, setState] = useState({ answer: null, problem: null, busy: true });
  const [tries, setTries] = useState(0);
  useEffect(() => {
    const leave = new AbortController();
    setState((before) => ({ ...before, busy: true }));
    ask(leave.signal).then(
      (answer) => setState({ answer, problem: null, busy: false }),
      (problem) => { if (problem.name !== "AbortError") setState((before) => ({ ...before, problem, busy: false })); },
    );
    return () => leave.abort();
  }, [...inputs, tries]);
  const again = useCallback(() => setTries((count) => count + 1), []);
  return { ...state, again };
}

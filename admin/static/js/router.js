// Addresses and pages: real paths (the server gives the same shell for each), links that don't reload.
import { createContext, html, useContext, useEffect, useState } from "./lib.js";

const ROUTES = [
  [/^\/$/, "campaigns"],
  [/^\/campaigns\/(\d+)(?:\/(overview|live|attempts|report))?$/, "campaign"],
  [/^\/live$/, "live"],
  [/^\/attempts\/([\w.-]+)$/, "attempt"],
  [/^\/api-reference$/, "reference"],
];

export const Route = createContext(null);
export const useRoute = () => useContext(Route);

function current() {
  const { pathname, search } = window.location;
  for (const [pattern, page] of ROUTES) {
    const found = pattern.exec(pathname);
    if (found) return { page, parts: found.slice(1), query: new URLSearchParams(search), path: pathname };
  }
  return { page: "none", parts: [], query: new URLSearchParams(search), path: pathname };
}

/** Go to an address within the pages; `replace` leaves no step back (filters as they are typed). */
export function go(address, { replace = false } = {}) {
  window.history[replace ? "replaceState" : "pushState"](null, "", address);
  window.dispatchEvent(new Event("ivr:route"));
}

export function useCurrentRoute() {
  const [route, setRoute] = useState(current);
  useEffect(() => {
    const update = () => setRoute(current());
    window.addEventListener("popstate", update);
    window.addEventListener("ivr:route", update);
    return () => {
      window.removeEventListener("popstate", update);
      window.removeEventListener("ivr:route", update);
    };
  }, []);
  return route;
}

/** A link within the pages: opens in place, or anew when the user asks for it (Ctrl, middle button). */
export function Link({ href, children, ...rest }) {
  const open = (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(href);
    window.scrollTo(0, 0);
  };
  return html`<a href=${href} onClick=${open} ...${rest}>${children}</a>`;
}

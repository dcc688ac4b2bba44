// The one place that knows the view library: everything else imports from here.
import { h } from "preact";
import htm from "htm";

export { createContext, render } from "preact";
export { useCallback, useContext, useEffect, useMemo, useRef, useState } from "preact/hooks";

export const html = htm.bind(h);

// The frame around every page: navigation, language, colours, who is signed in.
import { api } from "./api.js";
import { html, useState } from "./lib.js";
import { Link, useRoute } from "./router.js";
import { Icon } from "./ui.js";
import { LANGUAGES, useWords } from "./words.js";

const PLACES = [
  ["/", "campaigns", "nav.campaigns", ["campaigns", "campaign", "attempt"]],
  ["/live", "live", "nav.live", ["live"]],
  ["/api-reference", "reference", "nav.reference", ["reference"]],
];
const THEMES = ["auto", "light", "dark"];
const THEME_ICONS = { auto: "auto", light: "sun", dark: "moon" };

export function Brand() {
  const words = useWords();
  return html`<span class="brand"><img src="/static/icon.svg" alt="" width="26" height="26" /><span>${words.t("app.name")}</span></span>`;
}

export function LanguageSwitch({ onLanguage }) {
  const words = useWords();
  return html`<div class="switch" role="group" aria-label=${words.t("nav.language")}>
    ${LANGUAGES.map(([code, name]) => html`<button type="button" lang=${code} key=${code}
      aria-pressed=${String(words.language === code)} onClick=${() => onLanguage(code)}>${name}</button>`)}</div>`;
}

export function ThemeSwitch() {
  const words = useWords();
  const [theme, setTheme] = useState(localStorage.getItem("ivr.theme") ?? "auto");
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
  const change = () => {
    setTheme(next);
    localStorage.setItem("ivr.theme", next);
    if (next === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
  };
  return html`<button type="button" class="icon-button" title=${words.t(`theme.${theme}`)}
    aria-label=${words.t("nav.theme", { now: words.t(`theme.${theme}`) })} onClick=${change}><${Icon} name=${THEME_ICONS[theme]} /></button>`;
}

export function Shell({ me, onLanguage, onSignedOut, children }) {
  const words = useWords();
  const route = useRoute();
  const leave = () => api.signOut().then(onSignedOut, onSignedOut);
  return html`<div class="shell">
    <a class="skip" href="#main">${words.t("nav.skip")}</a>
    <aside class="side">
      <${Link} href="/" class="home"><${Brand} /><//>
      <nav aria-label=${words.t("nav.main")}>
        ${PLACES.map(([href, icon, key, pages]) => html`<${Link} key=${href} href=${href}
          aria-current=${pages.includes(route.page) ? "page" : null}><${Icon} name=${icon} /><span>${words.t(key)}</span><//>`)}
      </nav>
      <div class="me">
        <div class="preferences"><${LanguageSwitch} onLanguage=${onLanguage} /><${ThemeSwitch} /></div>
        <div class="who"><div><strong>${me.name}</strong><small>${words.label("role", me.role)}</small></div>
          <button type="button" class="icon-button" title=${words.t("nav.sign_out")} aria-label=${words.t("nav.sign_out")} onClick=${leave}>
            <${Icon} name="out" /></button></div>
      </div>
    </aside>
    <main id="main" tabindex="-1">${children}</main>
  </div>`;
}

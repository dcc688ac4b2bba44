import { api } from "../api.js";
import { html, useState } from "../lib.js";
import { Brand, LanguageSwitch, ThemeSwitch } from "../shell.js";
import { useWords } from "../words.js";

export function SignIn({ onSignedIn, onLanguage }) {
  const words = useWords();
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);

  async function submit(event) {
    event.preventDefault();
    const form = new FormData(event.target);
    setBusy(true);
    setProblem(null);
    try {
      onSignedIn((await api.signIn(form.get("name"), form.get("password"))).user);
    } catch (failure) {
      setProblem(failure);
      setBusy(false);
      const password = event.target.elements.password;
      password.value = "";
      password.focus();
    }
  }

  return html`<div class="sign-in">
    <header><${Brand} /><div class="preferences"><${LanguageSwitch} onLanguage=${onLanguage} /><${ThemeSwitch} /></div></header>
    <main>
      <form class="card" onSubmit=${submit}>
        <h1>${words.t("sign_in.title")}</h1>
        <p class="faint">${words.t("sign_in.lead")}</p>
        <label>${words.t("sign_in.name")}<input name="name" autocomplete="username" required maxlength="128" autofocus spellcheck="false" /></label>
        <label>${words.t("sign_in.password")}<input name="password" type="password" autocomplete="current-password" required maxlength="1024" /></label>
        ${problem && html`<p class="inline-error" role="alert">${problem.retryAfterS
          ? words.t("sign_in.wait", { minutes: Math.ceil(problem.retryAfterS / 60) })
          : words.label("error", problem.code)}</p>`}
        <button class="button primary wide" disabled=${busy}>${words.t(busy ? "sign_in.busy" : "sign_in.submit")}</button>
      </form>
      <p class="faint small">${words.t("sign_in.help")} <code>ivr user add</code></p>
    </main>
  </div>`;
}

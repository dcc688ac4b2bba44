// Starts the pages: language first, then who is signed in, then the page of the address.
import { api, whenSignedOut } from "./api.js";
import { html, render, useEffect, useState } from "./lib.js";
import { Attempt } from "./pages/attempt.js";
import { Campaign } from "./pages/campaign.js";
import { Campaigns } from "./pages/campaigns.js";
import { LivePage } from "./pages/live_calls.js";
import { Reference } from "./pages/reference.js";
import { SignIn } from "./pages/sign_in.js";
import { Link, Route, useCurrentRoute } from "./router.js";
import { Shell } from "./shell.js";
import { Empty, Failed, Loading } from "./ui.js";
import { Words, chosenLanguage, loadWords } from "./words.js";

const PAGES = { campaigns: Campaigns, campaign: Campaign, live: LivePage, attempt: Attempt, reference: Reference };

function App({ first }) {
  const [words, setWords] = useState(first);
  const [me, setMe] = useState(undefined); // undefined: not asked yet; null: nobody
  const [problem, setProblem] = useState(null);
  const route = useCurrentRoute();
  const ask = () => {
    setProblem(null);
    api.session().then((answer) => setMe(answer.user), setProblem);
  };

  useEffect(() => { whenSignedOut(() => setMe(null)); ask(); }, []);
  useEffect(() => { document.title = words.t("app.name"); }, [words, route.path]);

  const onLanguage = (language) => loadWords(language).then(setWords);
  let page;
  if (problem) page = html`<${Failed} problem=${problem} again=${ask} />`;
  else if (me === undefined) page = html`<${Loading} />`;
  else if (me === null) page = html`<${SignIn} onSignedIn=${setMe} onLanguage=${onLanguage} />`;
  else {
    const Page = PAGES[route.page];
    page = html`<${Shell} me=${me} onLanguage=${onLanguage} onSignedOut=${() => setMe(null)}>
      ${Page ? html`<${Page} key=${route.parts[0] ?? ""} me=${me} />`
        : html`<${Empty} title=${words.t("none.title")}>${words.t("none.what")} <${Link} href="/">${words.t("none.home")}<//><//>`}
    <//>`;
  }
  return html`<${Words.Provider} value=${words}><${Route.Provider} value=${route}>${page}<//><//>`;
}

const first = await loadWords(chosenLanguage());
render(html`<${App} first=${first} />`, document.getElementById("app"));

// Before the first paint: the chosen colours and language, so that nothing flashes.
{
  const theme = localStorage.getItem("ivr.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  document.documentElement.lang = localStorage.getItem("ivr.language") === "en" ? "en" : "zh-CN";
}

// Charts in one hand: every chart of the web pages and of report.html is one of these three.
// ECharts (the reduced build: canvas, bars, pies) is handed in, so that this file imports nothing of the network.

/** Keep charts in step with their size, the colour scheme and printing; call `dispose` before dropping them. */
export function chartSet(echarts, words) {
  const charts = new Map();
  const scheme = window.matchMedia("(prefers-color-scheme: dark)");
  const redraw = () => { for (const [chart, option] of charts) chart.setOption(option(), true); };
  const observer = new ResizeObserver((entries) => {
    for (const entry of entries) echarts.getInstanceByDom(entry.target)?.resize();
  });
  const paper = () => { document.documentElement.style.colorScheme = "light"; redraw(); };
  const screen = () => { document.documentElement.style.colorScheme = ""; redraw(); };
  const theme = new MutationObserver(redraw);
  scheme.addEventListener("change", redraw);
  window.addEventListener("beforeprint", paper);
  window.addEventListener("afterprint", screen);
  theme.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  return {
    /** Draw into `box`; again with other figures, the chart there moves to them. */
    draw(box, option) {
      const locale = words.language.startsWith("zh") ? "ZH" : "EN";
      const chart = echarts.getInstanceByDom(box)
        ?? echarts.init(box, null, { locale, devicePixelRatio: Math.max(2, window.devicePixelRatio) });
      charts.set(chart, () => ({ animationDuration: 350, aria: { enabled: true }, ...option(inks(box)) }));
      chart.setOption(charts.get(chart)());
      chart.resize();
      observer.observe(box);
    },
    dispose() {
      observer.disconnect();
      theme.disconnect();
      scheme.removeEventListener("change", redraw);
      window.removeEventListener("beforeprint", paper);
      window.removeEventListener("afterprint", screen);
      for (const chart of charts.keys()) chart.dispose();
      charts.clear();
    },
  };
}

/** The scheme's colours as a canvas understands them: `light-dark()` is resolved by asking a styled element. */
function inks(box) {
  const probe = document.createElement("span");
  box.append(probe);
  const colour = (name) => { probe.style.color = `var(--${name})`; return getComputedStyle(probe).color; };
  const names = ["ink", "ink-2", "ink-3", "line", "surface", "good", "bad", "accent", "chart-track"];
  const found = Object.fromEntries(names.map((name) => [name, colour(name)]));
  found.palette = [1, 2, 3, 4, 5, 6].map((index) => colour(`chart-${index}`));
  found.font = getComputedStyle(box).fontFamily;
  probe.remove();
  return found;
}

/** Lying bars; count and share stand in a column at the right. `rows`: [{name, value, tint}], tint 1–6. */
export function barOption(rows, words, total) {
  const digits = Math.max(...rows.map((row) => words.count(row.value).length));
  const figure = (row) =>
    `{count|${words.count(row.value)}}` + (total ? `{share|${words.percent(row.value / total)}}` : "");
  return (ink) => {
    const names = { type: "category", inverse: true, axisTick: { show: false }, axisLine: { show: false } };
    return {
      textStyle: { fontFamily: ink.font },
      grid: { left: 2, right: 2, top: 2, bottom: 2, containLabel: true },
      xAxis: { type: "value", max: Math.max(...rows.map((row) => row.value), 1), show: false },
      yAxis: [
        {
          ...names, data: rows.map((row) => row.name),
          axisLabel: { color: ink["ink-2"], fontSize: 12.5, width: 136, overflow: "truncate", interval: 0 },
        },
        {
          ...names, position: "right", data: rows.map(figure),
          axisLabel: {
            color: ink.ink, fontSize: 12.5, interval: 0,
            rich: {
              count: { color: ink.ink, fontSize: 12.5, width: digits * 8 + 2, align: "right" },
              share: { color: ink["ink-3"], fontSize: 12, width: 52, align: "right" },
            },
          },
        },
      ],
      series: [{
        type: "bar", barWidth: "56%", barMaxWidth: 16, showBackground: true,
        backgroundStyle: { color: ink["chart-track"], borderRadius: 3 },
        data: rows.map((row) => ({
          value: row.value, itemStyle: { color: ink.palette[(row.tint ?? 1) - 1], borderRadius: 3 },
        })),
      }],
    };
  };
}

/** A ring with its total in the middle and name, count and share beside each part. */
export function ringOption(rows, words, middle) {
  const total = rows.reduce((sum, row) => sum + row.value, 0);
  return (ink) => ({
    textStyle: { fontFamily: ink.font },
    series: [{
      type: "pie", radius: ["52%", "76%"], center: ["50%", "50%"], padAngle: rows.length > 1 ? 1.5 : 0,
      startAngle: 90, minAngle: 3, silent: true, emphasis: { disabled: true },
      itemStyle: { borderRadius: 3 },
      label: {
        color: ink["ink-2"], fontSize: 12.5, lineHeight: 18, overflow: "none", bleedMargin: 0,
        formatter: ({ name, value }) => `${name}\n${words.count(value)} · ${words.percent(value / total)}`,
      },
      labelLine: { length: 8, length2: 8, lineStyle: { color: ink.line } },
      data: rows.map((row) => ({ ...row, itemStyle: { color: ink.palette[(row.tint ?? 1) - 1] } })),
    }, {
      // An invisible pie of one part carries the words in the middle: the reduced build has no title component.
      type: "pie", radius: [0, 1], silent: true, itemStyle: { color: "transparent" }, labelLine: { show: false },
      label: {
        position: "center", formatter: () => `{n|${middle.figure}}\n{w|${middle.words}}`,
        rich: {
          n: { color: ink.ink, fontSize: 20, fontWeight: 600, lineHeight: 26 },
          w: { color: ink["ink-3"], fontSize: 12, lineHeight: 16 },
        },
      },
      data: [{ value: 1 }],
    }],
  });
}

/** Standing columns over bins or grades; several `series` are stacked. `series`: [{name, values, tint}]. */
export function columnOption(labels, series, words, { axis = "" } = {}) {
  const sums = labels.map((_, index) => series.reduce((sum, part) => sum + part.values[index], 0));
  const quiet = { axisTick: { show: false }, axisLine: { show: false } };
  return (ink) => ({
    textStyle: { fontFamily: ink.font },
    grid: { left: 4, right: 8, top: 22, bottom: axis ? 18 : 2, containLabel: true },
    xAxis: {
      type: "category", data: labels, axisTick: { show: false }, axisLine: { lineStyle: { color: ink.line } },
      axisLabel: { color: ink["ink-2"], fontSize: 12, hideOverlap: true },
      name: axis, nameLocation: "middle", nameGap: 26, nameTextStyle: { color: ink["ink-3"], fontSize: 12 },
    },
    yAxis: { type: "value", minInterval: 1, splitLine: { lineStyle: { color: ink.line } }, ...quiet,
      axisLabel: { color: ink["ink-3"], fontSize: 11.5 } },
    series: series.map((part, order) => ({
      type: "bar", stack: "all", name: part.name, barWidth: "68%", barMaxWidth: 36, data: part.values.map((value) => ({
        value, itemStyle: { color: ink.palette[part.tint - 1], borderRadius: order === series.length - 1 ? [3, 3, 0, 0] : 0 },
      })),
      label: {
        show: order === series.length - 1 && labels.length <= 24, position: "top", color: ink["ink-2"], fontSize: 12,
        formatter: ({ dataIndex }) => (sums[dataIndex] ? words.count(sums[dataIndex]) : ""),
      },
    })),
  });
}

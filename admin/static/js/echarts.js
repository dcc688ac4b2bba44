// ECharts is half a megabyte: it is loaded when the first chart is wanted, once.
let loading = null;

export function loadECharts() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = "/static/report/echarts.simple.min.js";
    script.onload = () => resolve(window.echarts);
    script.onerror = () => { loading = null; reject(new Error("echarts")); };
    document.head.append(script);
  });
  return loading;
}

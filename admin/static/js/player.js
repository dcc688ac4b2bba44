// The stereo player: two lanes, click or drag to seek, keys, speed, either side muted, download.
import { api } from "./api.js";
import { html, useEffect, useRef, useState } from "./lib.js";
import { lanesOf } from "./lanes.js";
import { Icon } from "./ui.js";
import { decode } from "./wave.js";
import { useWords } from "./words.js";

const STEP_S = 5;
const SPEEDS = [1, 1.25, 1.5, 2];
const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

/** Both sides through a gain each into the middle: whoever listens with one ear hears everything. */
function sides(audio) {
  const context = new AudioContext();
  const splitter = context.createChannelSplitter(2);
  context.createMediaElementSource(audio).connect(splitter);
  const gains = [0, 1].map((side) => {
    const gain = context.createGain();
    splitter.connect(gain, side);
    gain.connect(context.destination);
    return gain;
  });
  return { context, gains };
}

/** `marks`: [{at_s, label}] moments worth finding; `seek`: {at_s} asks for a moment from outside. */
export function Player({ recording, marks = [], seek = null }) {
  const words = useWords();
  const audio = useRef(null);
  const canvas = useRef(null);
  const lanes = useRef(null);
  const mixer = useRef(null);
  const [shape, setShape] = useState("loading"); // loading | drawn | large | failed
  const [playing, setPlaying] = useState(false);
  const [at_s, setAt] = useState(0);
  const [muted, setMuted] = useState([false, false]);
  const [speed, setSpeed] = useState(1);
  const [broken, setBroken] = useState(false);
  const length_s = recording.seconds;
  const url = api.recording(recording.id);

  useEffect(() => {
    const leave = new AbortController();
    decode(url, length_s, leave.signal).then(
      (buffer) => { if (buffer) lanes.current = lanesOf(buffer, canvas.current); setShape(buffer ? "drawn" : "large"); },
      (error) => { if (error.name !== "AbortError") setShape("failed"); },
    );
    return () => { leave.abort(); mixer.current?.context.close(); };
  }, [url]);

  useEffect(() => { mixer.current?.gains.forEach((gain, side) => { gain.gain.value = muted[side] ? 0 : 1; }); }, [muted]);
  useEffect(() => { if (audio.current) audio.current.playbackRate = speed; }, [speed]);
  useEffect(() => { if (seek) move(seek.at_s); }, [seek]);

  useEffect(() => {
    const draw = () => lanes.current?.draw({ at_s, muted, marks });
    const recolour = () => { lanes.current?.recolour(); draw(); };
    draw();
    const size = new ResizeObserver(draw);
    const theme = new MutationObserver(recolour);
    const scheme = window.matchMedia("(prefers-color-scheme: dark)");
    size.observe(canvas.current);
    theme.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    scheme.addEventListener("change", recolour);
    return () => { size.disconnect(); theme.disconnect(); scheme.removeEventListener("change", recolour); };
  }, [at_s, muted, marks, shape]);

  useEffect(() => {
    if (!playing) return undefined;
    let frame = requestAnimationFrame(function tick() {
      setAt(audio.current.currentTime);
      frame = requestAnimationFrame(tick);
    });
    return () => cancelAnimationFrame(frame);
  }, [playing]);

  function move(to_s) {
    const bounded = Math.min(Math.max(to_s, 0), length_s);
    audio.current.currentTime = bounded;
    setAt(bounded);
  }

  async function toggle() {
    // Browsers let sound begin only after a gesture, so the mixer is made at the first one.
    if (!mixer.current) {
      mixer.current = sides(audio.current);
      mixer.current.gains.forEach((gain, side) => { gain.gain.value = muted[side] ? 0 : 1; });
    }
    if (!audio.current.paused) { audio.current.pause(); return; }
    if (at_s >= length_s - 0.05) move(0);
    await mixer.current.context.resume();
    await audio.current.play().catch(() => setBroken(true));
  }

  function pointAt(event) {
    if (event.type === "pointermove" && !event.buttons) return;
    const box = canvas.current.getBoundingClientRect();
    if (event.type === "pointerdown") canvas.current.setPointerCapture(event.pointerId);
    move(((event.clientX - box.left) / box.width) * length_s);
  }

  function key(event) {
    const act = {
      " ": toggle, k: toggle, ArrowLeft: () => move(at_s - STEP_S), ArrowRight: () => move(at_s + STEP_S),
      Home: () => move(0), End: () => move(length_s),
    }[event.key];
    // A button under the focus keeps its own space bar.
    if (!act || (event.key === " " && event.target.tagName === "BUTTON")) return;
    event.preventDefault();
    act();
  }

  const side = (index, name, silent) => html`<button type="button" class="lane-name lane-${index}" aria-pressed=${String(muted[index])}
    title=${words.t(silent)} onClick=${() => setMuted(muted.map((was, other) => (other === index ? !was : was)))}>
    <span class="lane-dot"></span>${words.t(name)}<small>${words.t(muted[index] ? "player.muted" : "player.heard")}</small></button>`;

  return html`<div class="player" onKeyDown=${key} data-shape=${shape} data-playing=${String(playing)}>
    <div class="lanes">
      <div class="lane-names">${side(0, "player.customer", "player.mute_customer")}${side(1, "player.us", "player.mute_us")}</div>
      <div class="wave">
        <canvas ref=${canvas} tabindex="0" role="slider" aria-label=${words.t("player.position")} aria-valuemin="0"
          aria-valuemax=${Math.round(length_s)} aria-valuenow=${Math.round(at_s)} aria-valuetext=${`${clock(at_s)} / ${clock(length_s)}`}
          onPointerDown=${pointAt} onPointerMove=${pointAt}></canvas>
        ${shape !== "drawn" && html`<p class="wave-note" role="status">${words.t(`player.${shape}`)}</p>`}
      </div>
    </div>
    <div class="controls">
      <button type="button" class="button primary round" aria-label=${words.t(playing ? "player.pause" : "player.play")} onClick=${toggle}>
        <${Icon} name=${playing ? "pause" : "play"} filled=${!playing} /></button>
      <button type="button" class="button" onClick=${() => move(at_s - STEP_S)}><${Icon} name="rewind" />${words.t("player.back", { seconds: STEP_S })}</button>
      <output class="clock">${clock(at_s)} <span>/ ${clock(length_s)}</span></output>
      <label class="speed">${words.t("player.speed")} <select value=${speed} onChange=${(event) => setSpeed(Number(event.target.value))}>
        ${SPEEDS.map((value) => html`<option value=${value}>${value}×</option>`)}</select></label>
      <span class="hint">${words.t("player.keys")}</span>
      <a class="button" href=${api.recordingFile(recording.id)} download><${Icon} name="download" />${words.t("player.download")}</a>
    </div>
    ${broken && html`<p class="inline-error" role="alert">${words.t("player.broken")}</p>`}
    <audio ref=${audio} src=${url} preload="metadata" onPlay=${() => { setBroken(false); setPlaying(true); }}
      onPause=${() => setPlaying(false)} onEnded=${() => setPlaying(false)} onError=${() => setBroken(true)}></audio>
  </div>`;
}

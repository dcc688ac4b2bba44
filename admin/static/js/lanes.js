// Draws a recording as two lanes on a canvas: the customer above, we below; what was played is stronger.
import { peaks } from "./wave.js";

const BAR_PX = 2;
const GAP_PX = 1;

/** Colours as the canvas needs them, from the scheme in force. */
function inks(canvas) {
  const probe = document.createElement("span");
  canvas.parentNode.append(probe);
  const colour = (name) => { probe.style.color = `var(--${name})`; return getComputedStyle(probe).color; };
  const found = { lanes: [colour("chart-3"), colour("chart-1")], line: colour("line"), head: colour("ink"), mark: colour("chart-2") };
  probe.remove();
  return found;
}

/** A drawer for one decoded recording: call it with what to show; it keeps the peaks of the last width. */
export function lanesOf(buffer, canvas) {
  let columns = 0;
  let shapes = [];
  let colours = inks(canvas);
  return {
    recolour() { colours = inks(canvas); },
    draw({ at_s, muted, marks }) {
      const ratio = window.devicePixelRatio || 1;
      const [width, height] = [canvas.clientWidth, canvas.clientHeight];
      if (!width) return;
      if (canvas.width !== Math.round(width * ratio)) {
        canvas.width = Math.round(width * ratio);
        canvas.height = Math.round(height * ratio);
      }
      const wanted = Math.floor(width / (BAR_PX + GAP_PX));
      if (wanted !== columns) {
        columns = wanted;
        const sides = Math.min(buffer.numberOfChannels, 2);
        shapes = Array.from({ length: sides }, (_, side) => peaks(buffer.getChannelData(side), columns));
      }
      const pen = canvas.getContext("2d");
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      pen.clearRect(0, 0, width, height);
      const lane = height / shapes.length;
      const played = (at_s / buffer.duration) * columns;
      shapes.forEach((shape, side) => {
        const middle = lane * (side + 0.5);
        pen.fillStyle = colours.lanes[side];
        for (let column = 0; column < columns; column += 1) {
          // Square root: quiet speech stays visible beside loud.
          const half = Math.max(0.5, Math.sqrt(shape[column]) * (lane / 2 - 6));
          pen.globalAlpha = muted[side] ? 0.12 : column <= played ? 1 : 0.42;
          pen.fillRect(column * (BAR_PX + GAP_PX), middle - half, BAR_PX, half * 2);
        }
        pen.globalAlpha = 1;
        pen.fillStyle = colours.line;
        if (side) pen.fillRect(0, Math.round(lane * side), width, 1);
      });
      pen.fillStyle = colours.mark;
      for (const mark of marks) pen.fillRect(Math.round((mark.at_s / buffer.duration) * width), 0, 1.5, height);
      pen.fillStyle = colours.head;
      pen.fillRect(Math.min(width - 1.5, (at_s / buffer.duration) * width), 0, 1.5, height);
    },
  };
}

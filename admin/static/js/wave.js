// A recording's shape: the sound decoded by the browser, and its peaks per column. No drawing here.

const DECODE_HZ = 8000; // what calls are recorded at
const MOST_S = 50 * 60; // decoded, that is 190 MB of stereo: more isn't worth a phone's memory

/** Fetch and decode; null when it is too long to draw. Throws when it can't be fetched or decoded. */
export async function decode(url, length_s, signal) {
  if (length_s > MOST_S) return null;
  const answer = await fetch(url, { signal });
  if (!answer.ok) throw new Error(`recording: ${answer.status}`);
  return new OfflineAudioContext(2, 1, DECODE_HZ).decodeAudioData(await answer.arrayBuffer());
}

/** The loudest absolute sample, 0..1, in each of `columns` equal slices. */
export function peaks(samples, columns) {
  const found = new Float32Array(columns);
  for (let column = 0; column < columns; column += 1) {
    const end = Math.floor(((column + 1) * samples.length) / columns);
    let top = 0;
    for (let index = Math.floor((column * samples.length) / columns); index < end; index += 1) {
      const size = Math.abs(samples[index]);
      if (size > top) top = size;
    }
    found[column] = top;
  }
  return found;
}

// Sentences, sizes and times of the uploads, and what a screen reader is told of them.

const source = document.getElementById("upload-words");

/** The page's sentences, from the server; empty where nothing can be uploaded. */
export const words = source ? JSON.parse(source.textContent) : {};

/** `text` with its {names} filled in. */
export const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");

export function sizeWords(bytes) {
  const units = ["B", "KB", "MB", "GB"];
  let place = 0;
  while (bytes >= 1000 && place < units.length - 1) {
    bytes /= 1024;
    place += 1;
  }
  return `${place && bytes < 100 ? bytes.toFixed(1) : Math.round(bytes)} ${units[place]}`;
}

export function timeWords(seconds) {
  return seconds < 90 ? fill(words.seconds, { n: Math.max(1, Math.round(seconds)) }) : fill(words.minutes, { n: Math.round(seconds / 60) });
}

/** Said once and politely to whoever listens instead of looking: beginnings, ends and troubles, never percentages. */
export function announce(text) {
  const place = document.getElementById("upload-live");
  if (place) place.textContent = text;
}

const two = (number) => String(number).padStart(2, "0");

/** 20261123_103012, as the clock on this desk says. */
export function stamp(at = new Date()) {
  return `${at.getFullYear()}${two(at.getMonth() + 1)}${two(at.getDate())}_${two(at.getHours())}${two(at.getMinutes())}${two(at.getSeconds())}`;
}

/** Bytes per second over the last seconds, so that a pause or a slow start is soon forgotten. */
export class Meter {
  #samples = [];
  #window;

  constructor(window = 8000) {
    this.#window = window;
  }

  /** `bytes` have been sent in all by `at` (milliseconds). */
  note(bytes, at = performance.now()) {
    const last = this.#samples.at(-1);
    if (last && bytes < last.bytes) this.reset(); // a part is sent again
    if (last && at - last.at < 150) return;
    this.#samples.push({ bytes, at });
    while (this.#samples.length > 2 && at - this.#samples[0].at > this.#window) this.#samples.shift();
  }

  reset() {
    this.#samples = [];
  }

  /** null while nothing can be said yet. */
  get speed() {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    return first && last.at - first.at > 300 ? ((last.bytes - first.bytes) * 1000) / (last.at - first.at) : null;
  }
}

// SHA-256 of bytes, and the fingerprint by which a file is known again after a reload.

const PRIMES = [];
for (let n = 2; PRIMES.length < 64; n += 1) if (PRIMES.every((prime) => n % prime)) PRIMES.push(n);
const fraction = (value) => Math.floor((value - Math.floor(value)) * 2 ** 32) >>> 0;
const hex = (numbers, width) => [...numbers].map((number) => number.toString(16).padStart(width, "0")).join("");
const turn = (word, by) => (word >>> by) | (word << (32 - by));

/**
 * SHA-256 without the browser's help, which is only given to https and to this very machine: FIPS 180-4, slow but
 * quick enough for the two ends of a file. Takes a Uint8Array, returns hex.
 */
export function slowSha256(bytes) {
  const table = PRIMES.map((prime) => fraction(Math.cbrt(prime)));
  const state = Uint32Array.from(PRIMES.slice(0, 8), (prime) => fraction(Math.sqrt(prime)));
  const padded = new Uint8Array(((bytes.length + 72) >> 6) << 6);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor(bytes.length / 2 ** 29));
  view.setUint32(padded.length - 4, bytes.length << 3);
  const w = new Uint32Array(64);
  for (let at = 0; at < padded.length; at += 64) {
    for (let i = 0; i < 64; i += 1) {
      if (i < 16) {
        w[i] = view.getUint32(at + i * 4);
        continue;
      }
      const near = turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ (w[i - 2] >>> 10);
      const far = turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ (w[i - 15] >>> 3);
      w[i] = near + w[i - 7] + far + w[i - 16];
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let i = 0; i < 64; i += 1) {
      const one = h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + table[i] + w[i];
      const two = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((word, place) => (state[place] += word));
  }
  return hex(state, 8);
}

/** SHA-256 of a part as hex; null where the browser does not help (plain http in the house): it is sent without. */
export async function partDigest(buffer) {
  if (!globalThis.crypto?.subtle) return null;
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", buffer)), 2);
}

const EDGE = 64 << 10;

/** What a file is known by: when it was last changed, and a digest over its name and both its ends. */
export async function fingerprint(file) {
  const name = new TextEncoder().encode(file.name);
  const ends = [file.slice(0, EDGE), file.slice(Math.max(EDGE, file.size - EDGE))];
  const [head, tail] = await Promise.all(ends.map(async (end) => new Uint8Array(await end.arrayBuffer())));
  const whole = new Uint8Array(head.length + tail.length + name.length);
  whole.set(head);
  whole.set(tail, head.length);
  whole.set(name, head.length + tail.length);
  return `1.${file.lastModified}.${(await partDigest(whole.buffer)) ?? slowSha256(whole)}`;
}

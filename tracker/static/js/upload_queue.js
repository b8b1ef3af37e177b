// Who may send now: one limit over all files of the page. What one file is, and what a broken line means for it.
import { announce, fill, Meter, words } from "./upload_words.js";
import { renew, request } from "./upload_net.js";

const FILES = 3; // files that are begun at a time; the others wait their turn
const LONGEST = 30; // seconds between two tries
const PATIENCE = 6; // answers of a server in trouble before a person is asked
const RUNNING = new Set(["waiting", "going", "checking"]);
const CROWDED = 429; // the server has its hands full: no trouble, and nobody is asked however long it takes
const TROUBLED = new Set([408, 425, 502, 503, 504]);

export const queue = {
  jobs: [],
  limit: 3, // requests on their way at a time; the server says how many it likes
  sending: 0,
  turn: 0,
  past: { files: 0, bytes: 0 }, // what has arrived since the queue was last empty
  gate: () => true, // whether the person has said that nothing is secret
  watchers: new Set(),

  add(job) {
    this.jobs.push(job);
  },

  drop(job) {
    const place = this.jobs.indexOf(job);
    if (place >= 0) this.jobs.splice(place, 1);
    this.pump();
  },

  /** Starts what may start. */
  pump() {
    const open = this.gate();
    for (const job of this.jobs) job.held = !open && !job.declared && job.state === "waiting";
    const begun = this.jobs.filter((job) => RUNNING.has(job.state) && !job.held).slice(0, FILES);
    let resting = 0;
    while (this.sending < this.limit && resting < begun.length) {
      const work = begun[this.turn++ % begun.length].take();
      if (!work) {
        resting += 1;
        continue;
      }
      resting = 0;
      this.sending += 1;
      work().finally(() => {
        this.sending -= 1;
        this.pump();
      });
    }
    this.tell();
  },

  tell() {
    for (const job of this.jobs) job.watcher?.();
    for (const watcher of this.watchers) watcher();
  },
};

/** One file on its way to one obligation. `watcher` is called whenever something about it has changed. */
export class Job {
  constructor({ file, obligation, evidence = null, handle = null, declared = false }) {
    Object.assign(this, { file, obligation, evidence, handle, declared });
    this.state = "waiting"; // going, checking, retrying, paused, failed, signedOut, done, gone
    this.note = "";
    this.mayRetry = false;
    this.tries = 0;
    this.crowded = false;
    this.meter = new Meter();
    this.stopper = new AbortController();
  }

  get size() {
    return this.file.size;
  }

  /** Bytes that the server has, or that are on their way to it. */
  get sent() {
    return 0;
  }

  /** Whether closing the page now would lose what has been sent. */
  get atRisk() {
    return RUNNING.has(this.state) || this.state === "retrying";
  }

  /** What is said while it waits for its next try. */
  get trouble() {
    return this.crowded ? words.busy : this.broken;
  }

  turnTo(state, note = "") {
    if (["done", "gone"].includes(this.state)) return;
    this.state = state;
    this.note = note;
    queue.tell();
  }

  /** Something to do now as a function that never rejects, or null. */
  take() {
    const work = this.next();
    if (!work) return null;
    if (this.state === "waiting") this.turnTo("going");
    return () => work().catch((error) => this.broke(error));
  }

  /** A script's error, or a file that cannot be read any more. */
  broke(error) {
    if (error.name === "AbortError") return;
    if (["NotReadableError", "NotFoundError", "SecurityError"].includes(error.name)) this.fail(words.unreadable, false);
    else {
      console.error(error);
      this.fail(words.server, true);
    }
  }

  /** Whether an answer is a good one; else what it means has been seen to. */
  async well({ status, body, after = 0 }) {
    if (status >= 200 && status < 300 && body) {
      this.tries = 0;
      this.crowded = false;
      return true;
    }
    if (!RUNNING.has(this.state)) return false; // another request of this file has met the same
    this.crowded = status === CROWDED;
    if (status === 401 && body?.login) this.signOut(body.login);
    else if (body?.code === "csrf_expired" && !this.renewed) {
      this.renewed = true; // signed in again meanwhile: only the token is old
      if (!(await renew())) this.signOut();
    } else if (status === 0 || status === CROWDED) {
      this.interrupted(after);
    } else if (TROUBLED.has(status) || (status >= 500 && this.resumable)) {
      if (this.tries < PATIENCE) this.interrupted(after);
      else this.fail(body?.message ?? words.server, true);
    } else this.refused(status, body);
    return false;
  }

  /** What the server refuses for good is not offered again; what was out of order a moment ago is. */
  refused(status, body) {
    this.fail(body?.message ?? words.server, status >= 500 || status === 409 || body?.code === "upload_incomplete");
  }

  /** The line is gone, or the server is not itself: by and by it is tried again, at once when the line comes back. */
  interrupted(after = 0) {
    this.stop();
    this.tries += 1;
    const seconds = Math.max(after, Math.min(LONGEST, this.firstPause * 2 ** (this.tries - 1)));
    this.until = performance.now() + seconds * 1000;
    this.turnTo("retrying");
    if (this.tries === 1 && !this.crowded) announce(fill(words.saidBroken, { file: this.file.name }));
    this.timer = setTimeout(() => this.wake(), seconds * 1000);
  }

  wake() {
    if (this.state !== "retrying") return;
    clearTimeout(this.timer);
    this.turnTo("waiting");
    queue.pump();
  }

  fail(text, mayRetry) {
    this.stop();
    this.mayRetry = mayRetry;
    this.turnTo("failed", text);
    announce(`${this.file.name} ${text}`);
    queue.pump();
  }

  /** The file is still chosen: signing in elsewhere and trying again goes on from here. */
  signOut(login = "/login") {
    this.stop();
    this.login = login;
    this.turnTo("signedOut", this.id ? words.signedOutParts : words.signedOut);
    announce(`${this.file.name} ${this.note}`);
    queue.pump();
  }

  pause() {
    if (!RUNNING.has(this.state) && this.state !== "retrying") return;
    this.stop();
    this.turnTo("paused");
    queue.pump();
  }

  /** Goes on after a pause, a failure, or a new login. */
  async resume() {
    const stale = this.state === "signedOut";
    clearTimeout(this.timer);
    this.renewed = false;
    this.tries = 0;
    this.turnTo("waiting");
    if (stale) {
      this.turnTo("renewing");
      if (!(await renew())) {
        this.signOut();
        return;
      }
      this.turnTo("waiting");
    }
    queue.pump();
  }

  cancel() {
    this.stop();
    this.turnTo("gone");
    queue.drop(this);
  }

  /** Breaks off what is on its way. */
  stop() {
    clearTimeout(this.timer);
    this.stopper.abort();
    this.stopper = new AbortController();
    this.meter.reset();
  }

  finish(answer) {
    this.turnTo("done");
    queue.past.files += 1;
    queue.past.bytes += this.size;
    this.watcher?.(answer);
    queue.drop(this);
  }
}

/** A file that goes in one request. */
export class WholeJob extends Job {
  resumable = false;
  firstPause = 5;
  loaded = 0;

  get sent() {
    return this.loaded;
  }

  get broken() {
    return words.network;
  }

  next() {
    return this.busy ? null : () => this.send();
  }

  stop() {
    this.busy = false;
    this.loaded = 0;
    super.stop();
  }

  async send() {
    this.busy = true;
    const query = this.evidence ? `?evidence=${this.evidence}` : "";
    const { signal } = this.stopper;
    const answer = await request({
      address: `/obligations/${this.obligation}/files${query}`,
      headers: { "Content-Type": "application/octet-stream", "X-File-Name": encodeURIComponent(this.file.name) },
      body: this.file,
      signal,
      progress: (loaded, total) => {
        this.loaded = loaded;
        this.meter.note(loaded);
        if (loaded >= total && this.state === "going") this.turnTo("checking");
        queue.tell();
      },
    });
    if (signal.aborted) return;
    const good = await this.well(answer);
    this.busy = false;
    if (good) this.finish(answer.body);
    else if (this.state === "checking") this.turnTo("waiting"); // a new token, the same file
  }
}

/** How far everything is: what is not yet settled, files and bytes of all together. */
export function summary() {
  const open = queue.jobs.filter((job) => !["failed", "signedOut"].includes(job.state));
  if (!open.length) queue.past = { files: 0, bytes: 0 };
  const sum = (value) => open.reduce((all, job) => all + value(job), 0);
  const total = queue.past.bytes + sum((job) => job.size);
  const sent = queue.past.bytes + sum((job) => job.sent);
  return { open, total, sent, share: total ? sent / total : 0, files: queue.past.files + open.length, done: queue.past.files };
}

for (const sign of ["online", "pageshow"]) window.addEventListener(sign, () => queue.jobs.forEach((job) => job.wake()));

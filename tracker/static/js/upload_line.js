// The line of one file, and the bar over all of them.
import { flash } from "./base.js";
import { queue, summary } from "./upload_queue.js";
import { announce, fill, Meter, sizeWords, timeWords, words } from "./upload_words.js";

const SURE = 4000; // milliseconds in which a second press really cancels
const DEAR = 16 << 20; // bytes on the server that nobody throws away by a slip

/** Asks once more before something dear is thrown away: the button itself becomes the question. */
function sure(button, dear, act) {
  if (!dear || button.dataset.sure) {
    act();
    return;
  }
  const before = button.textContent;
  button.dataset.sure = "1";
  button.textContent = words.sure;
  setTimeout(() => {
    delete button.dataset.sure;
    button.textContent = before;
  }, SURE);
}

function left(bytes, speed) {
  if (!speed) return "";
  return ` · ${fill(words.pace, { speed: sizeWords(speed), left: timeWords(bytes / Math.max(1, speed)) })}`;
}

/** What a job says of itself, in words. */
export function sentence(job) {
  const { state, size, sent, meter } = job;
  if (job.held) return words.secret;
  if (state === "going") {
    if (job.standing && !job.moving.size) return words.busy;
    return fill(words.progress, { done: sizeWords(sent), total: sizeWords(size) }) + left(size - sent, meter.speed);
  }
  if (state === "checking") return words.checking;
  if (state === "paused") return fill(words.paused, { done: sizeWords(sent), total: sizeWords(size) });
  if (state === "retrying") {
    const seconds = Math.max(1, Math.ceil((job.until - performance.now()) / 1000));
    return `${job.trouble} ${navigator.onLine ? fill(words.againIn, { n: seconds }) : words.offline}`;
  }
  return ["failed", "signedOut"].includes(state) ? job.note : words.waiting;
}

export class Line {
  #due = false;

  /** `done(answer)` is called when the file has become a draft; the line is gone by then. */
  constructor(job, list, done) {
    this.job = job;
    this.done = done;
    this.element = document.getElementById("upload-row").content.firstElementChild.cloneNode(true);
    this.part = (name) => this.element.querySelector(name);
    this.part(".name").textContent = job.file.name;
    this.part("progress").setAttribute("aria-label", fill(words.barOf, { file: job.file.name }));
    this.part(".pause").addEventListener("click", () => job.pause());
    this.part(".go").addEventListener("click", () => job.resume());
    this.part(".retry").addEventListener("click", () => job.resume());
    this.part(".cancel").addEventListener("click", (event) => sure(event.target, job.resumable && job.sent > DEAR, () => this.cancel()));
    job.watcher = (answer) => (answer ? this.arrived(answer) : this.soon());
    list.append(this.element);
    this.draw();
  }

  soon() {
    if (this.#due) return;
    this.#due = true;
    setTimeout(() => {
      this.#due = false;
      this.draw();
    }, 50);
  }

  draw() {
    const { job } = this;
    if (!this.element.isConnected || job.state === this.drawn?.state && job.state === "failed") return;
    const { state } = job;
    const bad = ["failed", "signedOut"].includes(state);
    const share = job.size ? (job.sent / job.size) * 100 : 0;
    const before = this.drawn?.state;
    this.drawn = { state };
    this.element.classList.toggle("failed", bad);
    this.element.classList.toggle("troubled", state === "retrying");
    this.element.classList.toggle("resting", state === "paused");
    this.part("progress").value = bad ? 0 : share;
    this.part(".percent").textContent = bad || !share ? "" : `${Math.floor(share)}%`;
    this.part(".pause").hidden = !(job.resumable && ["waiting", "going", "retrying"].includes(state));
    this.part(".go").hidden = state !== "paused";
    this.part(".retry").hidden = !(state === "retrying" || state === "signedOut" || (state === "failed" && job.mayRetry));
    if (!this.part(".cancel").dataset.sure) this.part(".cancel").textContent = bad ? words.remove : words.cancel;
    const text = sentence(job);
    const told = this.part(".told");
    if (state === "signedOut") {
      if (before === state) return;
      const link = document.createElement("a");
      Object.assign(link, { href: job.login, target: "_blank", textContent: words.signIn });
      told.replaceChildren(text, " ", link);
      link.focus({ preventScroll: true });
    } else {
      if (told.textContent !== text) told.textContent = text;
      if (state === "failed" && before !== state && job.mayRetry) this.part(".retry").focus({ preventScroll: true });
    }
  }

  cancel() {
    this.job.cancel();
    this.element.remove();
    announce(fill(words.saidCancelled, { file: this.job.file.name }));
  }

  arrived(answer) {
    this.element.remove();
    announce(fill(words.received, { file: answer.file_name }));
    this.done(answer);
  }
}

/** The bar over all files: how far, how fast, pause and cancel for all. */
export function showBar() {
  const bar = document.getElementById("upload-all");
  if (!bar) return;
  const part = (name) => bar.querySelector(name);
  const meter = new Meter();
  const draw = () => {
    const now = summary();
    bar.hidden = now.files < 2 && !now.open.some((job) => job.resumable);
    if (!now.open.length) {
      bar.hidden = true;
      meter.reset();
      return;
    }
    meter.note(now.sent);
    const resting = now.open.every((job) => job.state === "paused");
    if (resting) meter.reset();
    part("progress").value = now.share * 100;
    part(".all-told").textContent = fill(words.allFiles, { done: now.done, n: now.files });
    part(".all-pace").textContent = `${sizeWords(now.sent)} / ${sizeWords(now.total)}${left(now.total - now.sent, meter.speed)}`;
    part(".all-pause").hidden = resting;
    part(".all-go").hidden = !now.open.some((job) => job.state === "paused");
    part(".all-safe").hidden = !now.open.some((job) => job.resumable) || now.open.some((job) => job.atRisk);
  };
  part(".all-pause").addEventListener("click", () => queue.jobs.forEach((job) => job.pause()));
  part(".all-go").addEventListener("click", () => queue.jobs.filter((job) => job.state === "paused").forEach((job) => job.resume()));
  part(".all-cancel").addEventListener("click", (event) => sure(event.target, true, () => bar.dispatchEvent(new CustomEvent("cancel-all"))));
  queue.watchers.add(draw);
  setInterval(() => {
    if (!queue.jobs.length) return;
    queue.tell();
  }, 1000);
  draw();
}

/** Puts the row of a fresh draft where it belongs; says so when it was there already. */
export function putDraft(answer, list) {
  const known = document.getElementById(`v-${answer.version_id}`);
  if (known) {
    flash(words.repeated, "info");
    known.scrollIntoView({ block: "center" });
    return;
  }
  const row = new DOMParser().parseFromString(answer.html, "text/html").body.firstElementChild;
  list.append(row);
  list.dispatchEvent(new CustomEvent("draft-added", { bubbles: true, detail: { row } }));
}

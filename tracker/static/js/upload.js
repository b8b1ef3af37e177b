// Files on their way: dropped or chosen, three at a time, each with its progress, cancel and retry.
// A file that has arrived becomes a draft: the server answers with its row, which is put in place.
import { flash, token } from "./base.js";

const ROOM = 3;
const source = document.getElementById("task-words");
const words = source ? JSON.parse(source.textContent) : {};
const secret = document.getElementById("no-secret");
const queue = [];
const going = new Set();

const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");

function sizeWords(bytes) {
  const units = ["B", "KB", "MB", "GB"];
  let place = 0;
  while (bytes >= 1000 && place < units.length - 1) {
    bytes /= 1024;
    place += 1;
  }
  return `${place && bytes < 100 ? bytes.toFixed(1) : Math.round(bytes)} ${units[place]}`;
}

function timeWords(seconds) {
  return seconds < 90 ? fill(words.seconds, { n: Math.max(1, Math.round(seconds)) }) : fill(words.minutes, { n: Math.round(seconds / 60) });
}

/**
 * A fresh token for this page, after the session ended and somebody signed in again elsewhere; false when nobody
 * has. The page itself stays, with what is on its way and what was typed.
 */
async function renew() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!answer?.ok) return false;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const { person } = document.body.dataset;
  // Somebody else has signed in: this page, and what is chosen on it, is not theirs.
  if (!person || fresh.body.dataset.person !== person) return false;
  const secretOfForms = fresh.querySelector('meta[name="csrf-token"]').content;
  document.querySelector('meta[name="csrf-token"]').content = secretOfForms;
  for (const input of document.querySelectorAll("input[name=csrf_token]")) input.value = secretOfForms;
  return true;
}

/** One file: its line on the page and its request. */
class Upload {
  constructor(file, address, list) {
    this.file = file;
    this.address = address;
    this.list = list;
    this.line = document.getElementById("upload-row").content.firstElementChild.cloneNode(true);
    this.part = (name) => this.line.querySelector(name);
    this.part(".name").textContent = file.name;
    this.part(".cancel").addEventListener("click", () => this.cancel());
    this.part(".retry").addEventListener("click", () => {
      this.renewed = false;
      this.again();
    });
    list.append(this.line);
  }

  say(text) {
    this.part(".told").textContent = text;
  }

  start() {
    going.add(this);
    this.began = performance.now();
    this.line.classList.remove("failed");
    this.part(".retry").hidden = true;
    const request = (this.request = new XMLHttpRequest());
    request.open("POST", this.address);
    request.responseType = "json";
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("X-File-Name", encodeURIComponent(this.file.name));
    request.setRequestHeader("X-CSRFToken", token());
    request.setRequestHeader("Accept", "application/json");
    request.upload.addEventListener("progress", (event) => this.progress(event));
    request.addEventListener("load", () => this.answered());
    request.addEventListener("error", () => this.failed(words.network, true));
    request.addEventListener("timeout", () => this.failed(words.network, true));
    request.send(this.file);
  }

  progress({ loaded, total }) {
    const share = total ? (loaded / total) * 100 : 0;
    this.part("progress").value = share;
    this.part(".percent").textContent = `${Math.floor(share)}%`;
    if (loaded >= total) {
      this.say(words.checking);
      return;
    }
    const speed = loaded / Math.max(0.2, (performance.now() - this.began) / 1000);
    this.say(fill(words.left, {
      done: sizeWords(loaded), total: sizeWords(total), speed: sizeWords(speed), left: timeWords((total - loaded) / Math.max(1, speed)),
    }));
  }

  answered() {
    const { status, response } = this.request;
    if (status === 401 && response?.login) {
      this.signedOut(response.login);
      return;
    }
    if (response?.code === "csrf_expired" && !this.renewed) {
      this.stale = this.renewed = true; // signed in again meanwhile: only the token is old
      this.leave();
      this.again();
      return;
    }
    if (status >= 200 && status < 300 && response) {
      this.done(response);
      return;
    }
    // What the server refuses for good is not offered again; what was out of order a moment ago is.
    this.failed(response?.message ?? words.server, status >= 500 || status === 409 || status === 0 || response?.code === "upload_incomplete");
  }

  done(answer) {
    this.leave();
    this.line.remove();
    const known = document.getElementById(`v-${answer.version_id}`);
    if (known) {
      flash(words.repeated, "info");
      known.scrollIntoView({ block: "center" });
      return;
    }
    const holder = document.createElement("template");
    holder.innerHTML = answer.html;
    const row = holder.content.firstElementChild;
    this.list.append(row);
    this.list.dispatchEvent(new CustomEvent("draft-added", { bubbles: true, detail: { row } }));
    const told = document.getElementById("submit-told");
    if (told) told.textContent = fill(words.received, { file: answer.file_name });
  }

  failed(text, mayRetry) {
    this.leave();
    this.line.classList.add("failed");
    this.say(text);
    this.part(".percent").textContent = "";
    this.part("progress").value = 0;
    this.part(".retry").hidden = !mayRetry;
    this.part(".cancel").textContent = words.remove;
    if (mayRetry) this.part(".retry").focus({ preventScroll: true });
  }

  /** The file is still chosen: signing in elsewhere and trying again goes on from here. */
  signedOut(login) {
    this.stale = true;
    this.failed(words.signedOut, true);
    const link = document.createElement("a");
    link.href = login ?? "/login";
    link.target = "_blank";
    link.textContent = words.signIn;
    this.part(".told").append(" ", link);
    link.focus({ preventScroll: true });
  }

  cancel() {
    if (going.has(this)) {
      this.request.abort();
      this.leave();
    }
    const place = queue.indexOf(this);
    if (place >= 0) queue.splice(place, 1);
    this.line.remove();
    pump();
  }

  async again() {
    this.part(".retry").hidden = true;
    this.part(".cancel").textContent = words.cancel;
    this.line.classList.remove("failed");
    this.say(words.waiting);
    if (this.stale && !(await renew())) {
      this.signedOut();
      return;
    }
    this.stale = false;
    if (!this.line.isConnected) return; // cancelled meanwhile
    queue.push(this);
    pump();
  }

  leave() {
    going.delete(this);
    pump();
  }
}

/** Starts what may start; nothing before the person has said that nothing is secret. */
function pump() {
  const allowed = !secret || secret.checked;
  document.getElementById("secret-card")?.classList.toggle("ask", !allowed && queue.length > 0);
  if (!allowed) {
    for (const upload of queue) upload.say(words.secret);
    return;
  }
  while (queue.length && going.size < ROOM) queue.shift().start();
  for (const upload of queue) upload.say(words.waiting);
}

function take(files, zone) {
  const list = zone.closest("[data-slot]").querySelector(".files");
  for (const [place, file] of files.entries()) {
    // One file can be the new version of an item; the others stand for themselves.
    const address = place ? zone.dataset.upload.split("?")[0] : zone.dataset.upload;
    const upload = new Upload(file, address, list);
    if (file.size === 0) upload.failed(words.empty, false);
    else if (file.size > words.max) upload.failed(words.tooLarge, false);
    else queue.push(upload);
  }
  pump();
  if (queue.length && secret && !secret.checked) secret.focus();
}

for (const input of document.querySelectorAll("[data-upload] input[type=file]")) {
  input.addEventListener("change", () => {
    take([...input.files], input.closest("[data-upload]"));
    input.value = ""; // the same file may be chosen again
  });
}

// A whole slot takes what is dropped on it; elsewhere a drop must not replace the page by the file.
for (const slot of document.querySelectorAll("[data-slot]")) {
  const zone = slot.querySelector(".drop[data-upload]");
  if (!zone) continue;
  let depth = 0;
  slot.addEventListener("dragenter", (event) => {
    event.preventDefault();
    depth += 1;
    slot.classList.add("over");
  });
  slot.addEventListener("dragleave", () => {
    depth -= 1;
    if (depth <= 0) slot.classList.remove("over");
  });
  slot.addEventListener("drop", (event) => {
    depth = 0;
    slot.classList.remove("over");
    const items = [...(event.dataTransfer?.items ?? [])];
    if (items.some((item) => item.webkitGetAsEntry?.()?.isDirectory)) {
      flash(words.noFolder, "warning");
      return;
    }
    take([...(event.dataTransfer?.files ?? [])], zone);
  });
}
window.addEventListener("dragover", (event) => event.preventDefault());
window.addEventListener("drop", (event) => event.preventDefault());

secret?.addEventListener("change", pump);
window.addEventListener("beforeunload", (event) => {
  if (going.size || queue.length) event.preventDefault();
});

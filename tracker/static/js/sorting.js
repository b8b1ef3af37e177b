// Many files for many slots: what each is proposed to be stands beside it, a person puts it right, all of it uploads.
import { flash } from "./base.js";
import { Line, showBar } from "./upload_line.js";
import { ask, renew } from "./upload_net.js";
import { makeJob } from "./upload_parts.js";
import { queue } from "./upload_queue.js";
import { offerUnfinished } from "./upload_resume.js";
import { fill, sizeWords, words as common } from "./upload_words.js";
import { guardPage, watchDrop, watchInput, watchPaste } from "./upload_zones.js";

const $ = (id) => document.getElementById(id);
const words = $("sort-words") ? JSON.parse($("sort-words").textContent) : null;
const secret = $("no-secret");
const BATCH = 100; // names that are asked about at a time

const rows = new Set(); // not yet on their way
const lines = new Set(); // on their way
const done = new Map(); // obligation -> answers

const places = new Map([...document.querySelectorAll("[data-place]")].map((element) => [element.dataset.place, element]));

/** One file that is not yet on its way: its name, what it is proposed to be, and the choice. */
class Row {
  constructor({ file, path, handle }) {
    Object.assign(this, { file, path, handle });
    this.element = $("sort-row").content.firstElementChild.cloneNode(true);
    const part = (name) => this.element.querySelector(name);
    part(".name").textContent = file.name;
    part(".size").textContent = sizeWords(file.size);
    part(".from").textContent = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
    part("label .vh").textContent = fill(words.choose, { file: file.name });
    this.select = part("select");
    this.why = part(".because");
    this.why.textContent = words.looking;
    this.select.addEventListener("change", () => this.place(this.select.value, words.byHand));
    part(".remove").addEventListener("click", () => this.remove());
    this.element.addEventListener("dragstart", (event) => {
      dragged = this;
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", file.name);
      this.element.classList.add("dragged");
    });
    this.element.addEventListener("dragend", () => {
      dragged = null;
      this.element.classList.remove("dragged");
    });
  }

  get key() {
    return `${this.path}|${this.file.size}|${this.file.lastModified}`;
  }

  /** `note` says why, `doubtful` that somebody should look. */
  place(obligation, note, doubtful = false) {
    this.select.value = obligation;
    this.touched = true;
    this.why.textContent = note;
    this.element.classList.toggle("unplaced", !obligation);
    this.element.classList.toggle("doubtful", doubtful);
    count();
  }

  remove() {
    rows.delete(this);
    this.element.remove();
    count();
  }
}

let dragged = null;

function count() {
  const placed = [...rows].filter((row) => row.select.value);
  const open = rows.size - placed.length;
  const total = new Map();
  for (const row of placed) total.set(row.select.value, (total.get(row.select.value) ?? 0) + 1);
  for (const [id, element] of places) {
    const badge = element.querySelector(".badge");
    badge.hidden = !total.has(id);
    badge.textContent = total.get(id) ?? "";
  }
  const text = rows.size ? fill(open ? words.open : words.count, { n: rows.size, placed: placed.length, open }) : words.none;
  if ($("files-title").textContent !== text) $("files-title").textContent = text;
  $("sort-act").hidden = !rows.size;
  $("sort-go").textContent = fill(words.go, { n: placed.length });
  $("sort-go").setAttribute("aria-disabled", String(!placed.length));
}

async function proposeFor(fresh) {
  for (let at = 0; at < fresh.length; at += BATCH) {
    const some = fresh.slice(at, at + BATCH);
    const data = { paths: some.map((row) => row.path) };
    let answer = await ask("POST", words.address, data);
    if (answer.body?.code === "csrf_expired" && (await renew())) answer = await ask("POST", words.address, data);
    const found = answer.body?.proposals ?? [];
    for (const [place, row] of some.entries()) {
      if (row.touched) continue; // somebody was quicker
      const { obligation_id: id, reason, sure } = found[place] ?? {};
      if (!found[place]) row.place("", words.failed, true);
      else if (!places.has(String(id))) row.place("", words.why[""]);
      else row.place(String(id), `${words.why[reason]}${sure || reason === "words" ? "" : ` · ${words.check}`}`, !sure);
    }
  }
}

/** Files onto the list; `zone` is a place, or the list as a whole. */
function take(found, zone) {
  const known = new Set([...rows].map((row) => row.key));
  const fresh = [];
  let same = 0;
  for (const one of found.files) {
    const row = new Row(one);
    if (known.has(row.key)) {
      same += 1;
      continue;
    }
    rows.add(row);
    $("sort-list").append(row.element);
    if (zone.dataset.place) row.place(zone.dataset.place, words.byHand);
    else fresh.push(row);
  }
  if (same) flash(fill(words.same, { n: same }), "info");
  count();
  proposeFor(fresh);
}

function arrived(job, answer) {
  const id = String(job.obligation);
  done.set(id, [...(done.get(id) ?? []), answer]);
  places.get(id)?.classList.add("got");
  const all = [...done.values()].flat();
  $("sort-done").hidden = false;
  $("done-title").textContent = fill(words.done, { n: all.length });
  const pages = new Map();
  for (const [obligation, answers] of done) {
    const place = places.get(obligation);
    if (!place) continue;
    const page = pages.get(place.dataset.page) ?? { task: place.dataset.task, n: 0, anchor: `v-${answers[0].version_id}` };
    page.n += answers.length;
    pages.set(place.dataset.page, page);
  }
  $("sort-next").replaceChildren(...[...pages].map(([address, { task, n, anchor }]) => {
    const line = document.createElement("li");
    const link = document.createElement("a");
    link.href = `${address}#${anchor}`;
    link.textContent = fill(words.doneAt, { task, n });
    line.append(link);
    return line;
  }));
}

function put(job, before = null) {
  const list = $("sort-list");
  const line = new Line(job, list, (answer) => {
    lines.delete(line);
    arrived(job, answer);
  });
  const where = document.createElement("span");
  where.className = "tiny where";
  where.textContent = places.get(String(job.obligation))?.dataset.label ?? "";
  line.element.querySelector(".told").before(where);
  if (before) list.insertBefore(line.element, before);
  lines.add(line);
  queue.add(job);
  if (job.file.size === 0) job.fail(common.empty, false);
  else if (job.file.size > common.max) job.fail(common.tooLarge, false);
}

function go() {
  const placed = [...rows].filter((row) => row.select.value);
  if (!placed.length) {
    flash(words.pick, "warning");
    [...rows][0]?.select.focus();
    return;
  }
  if (!secret.checked) {
    flash(words.tick, "warning");
    $("secret-card").classList.add("ask");
    secret.focus();
    return;
  }
  for (const row of placed) {
    put(makeJob({ file: row.file, handle: row.handle, obligation: row.select.value }), row.element);
    row.remove();
  }
  queue.pump();
}

/** A place takes files from the desk, and rows from the list. */
function watchPlace(element) {
  watchDrop(element, element, take);
  element.addEventListener("dragover", (event) => {
    if (!dragged) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "move";
    element.classList.add("over");
  });
  element.addEventListener("dragleave", () => dragged && element.classList.remove("over"));
  element.addEventListener("drop", (event) => {
    element.classList.remove("over");
    if (!dragged) return;
    event.preventDefault();
    event.stopPropagation();
    dragged.place(element.dataset.place, words.byHand);
  });
}

if (words) {
  queue.gate = () => secret.checked;
  secret.addEventListener("change", () => {
    if (secret.checked) $("secret-card").classList.remove("ask");
    queue.pump();
  });
  const area = document.querySelector(".sort-files");
  for (const input of area.querySelectorAll(".drop input[type=file]")) watchInput(input, area, take);
  watchDrop(area, area, take);
  for (const element of places.values()) watchPlace(element);
  guardPage();
  watchPaste(() => [{ element: document.body, zone: area, label: "" }], take);
  $("sort-go").addEventListener("click", go);
  $("sort-clear").addEventListener("click", () => {
    for (const row of [...rows]) row.remove();
  });
  showBar();
  $("upload-all").addEventListener("cancel-all", () => {
    for (const line of lines) if (line.job.state !== "failed") line.cancel();
  });
  offerUnfinished(() => true, (job) => {
    put(job);
    queue.pump();
  });
  window.addEventListener("beforeunload", (event) => {
    if (rows.size || queue.jobs.some((job) => job.atRisk)) event.preventDefault();
  });
  count();
}

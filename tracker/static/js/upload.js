// The task page: files dropped, chosen, pasted or photographed onto its slots, and uploads that were left unfinished.
// A file that has arrived becomes a draft: the server answers with its row, which is put in place.
import { Line, putDraft, showBar } from "./upload_line.js";
import { makeJob } from "./upload_parts.js";
import { queue } from "./upload_queue.js";
import { offerUnfinished } from "./upload_resume.js";
import { fill, words } from "./upload_words.js";
import { guardPage, watchDrop, watchInput, watchPaste } from "./upload_zones.js";

const secret = document.getElementById("no-secret");
const lines = new Set();

const listOf = (slot) => slot.querySelector(".files");

function put(job, list) {
  const line = new Line(job, list, (answer) => {
    lines.delete(line);
    putDraft(answer, list);
    const told = document.getElementById("submit-told");
    if (told) told.textContent = fill(words.received, { file: answer.file_name });
  });
  lines.add(line);
  queue.add(job);
  return line;
}

function take(found, zone) {
  const slot = zone.closest("[data-slot]");
  if (slot instanceof HTMLDetailsElement) slot.open = true;
  for (const [place, { file, handle }] of found.files.entries()) {
    // One file can be the new version of an item; the others stand for themselves.
    const job = makeJob({ file, handle, obligation: zone.dataset.obligation, evidence: place ? null : zone.dataset.evidence });
    put(job, listOf(slot));
    if (file.size === 0) job.fail(words.empty, false);
    else if (file.size > words.max) job.fail(words.tooLarge, false);
  }
  queue.pump();
  if (queue.jobs.some((job) => job.held)) secret?.focus();
}

function begin(job, row) {
  const slot = document.getElementById(`o-${row.obligation_id}`);
  if (slot instanceof HTMLDetailsElement) slot.open = true;
  put(job, listOf(slot)).element.scrollIntoView({ block: "nearest" });
  queue.pump();
}

if (words.max) {
  // Nothing starts before the person has said that nothing is secret.
  queue.gate = () => !secret || secret.checked;
  secret?.addEventListener("change", () => queue.pump());
  queue.watchers.add(() => {
    document.getElementById("secret-card")?.classList.toggle("ask", queue.jobs.some((job) => job.held));
  });

  for (const zone of document.querySelectorAll("[data-upload]")) {
    for (const input of zone.querySelectorAll("input[type=file]")) watchInput(input, zone, take);
  }
  for (const slot of document.querySelectorAll("[data-slot]")) {
    const zone = slot.querySelector(".drop[data-upload]");
    if (zone) watchDrop(slot, zone, take);
  }
  guardPage();
  watchPaste(
    () => [...document.querySelectorAll("[data-slot]")].map((element) => ({
      element, zone: element.querySelector(".drop[data-upload]"), label: element.dataset.slot,
    })).filter(({ zone }) => zone),
    take,
  );
  showBar();
  document.getElementById("upload-all")?.addEventListener("cancel-all", () => {
    for (const line of lines) if (line.job.state !== "failed") line.cancel();
  });
  offerUnfinished((row) => document.getElementById(`o-${row.obligation_id}`), begin);

  // What the server has in parts is kept there: only what would be lost is worth a question.
  window.addEventListener("beforeunload", (event) => {
    if (queue.jobs.some((job) => job.atRisk)) event.preventDefault();
  });
}
